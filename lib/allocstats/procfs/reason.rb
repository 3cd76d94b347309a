# frozen_string_literal: true

module AllocStats
  # Why something is nil, as a sentence with the file's name in it. What the extension says of reading a file is
  # {status:, error: errno or nil, line: number of the line that was not understood}.
  module Procfs::Reason
    module_function

    # @param path [String] of the file, as it was opened
    # @param reading [Hash] as the extension gives it
    # @return [String, nil] nil where the reading went well
    def of(path, reading)
      case reading.fetch(:status)
      when :ok then nil
      when :unreadable then "#{path} cannot be read: #{system_error(reading)}"
      when :malformed then malformed(path, reading.fetch(:line))
      when :no_memory then "there was no memory for reading #{path}"
      else "this kernel does not offer #{path}"
      end
    end

    # "No such file or directory"
    def system_error(reading)
      reading[:error] ? SystemCallError.new(nil, reading[:error]).message : "no reason was given"
    end

    def malformed(path, line)
      line.zero? ? "#{path} is empty or lacks the line that is looked for" : "#{path} is not understood from line #{line} on"
    end

    # A tree's folder as the extension takes it: "" for the real one.
    # @raise [InvalidValue]
    def root(value)
      raise InvalidValue, "a root is the path of a folder, not #{value.inspect[0, 80]}" unless value.is_a?(String) && value.encoding.ascii_compatible? && !value.b.include?("\0")
      value.sub(%r{/+\z}, "")
    end
  end
end
