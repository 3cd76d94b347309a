# frozen_string_literal: true

require "json"
require "shellwords"

module AllocStats
  module Command
    class Env
      # Variables as lines of a shell, a Dockerfile, a Procfile, a systemd unit or a Kubernetes manifest, each quoted by the
      # rules of that place. A value of nil is a variable that has to go, which only a shell can do: the others begin with an
      # empty environment.
      module Format
        NAMES = %w[shell docker procfile systemd kubernetes].freeze
        USUAL_COMMAND = %w[bundle exec puma -C config/puma.rb].freeze

        module_function

        # @param changes [Hash{String => String, nil}]
        # @param command [Array<String>] of a Procfile; empty for the usual one
        # @return [Array<String>]
        # @raise [Failure] for a value that the place has no way to write
        def lines(name, changes, command = [])
          return procfile(changes, command) if name == "procfile"
          return kubernetes(changes) if name == "kubernetes"
          changes.map { |variable, text| public_send(name, variable, text) }
        end

        # POSIX sh: within single quotes nothing has a meaning.
        def shell(variable, text)
          text.nil? ? "unset #{variable}" : "export #{variable}=#{single_quoted(text)}"
        end

        # A Dockerfile replaces variables within double quotes, and ends an instruction at the end of a line.
        def docker(variable, text)
          %(ENV #{variable}="#{on_one_line("a Dockerfile", variable, text).gsub(/["\\$]/) { |sign| "\\#{sign}" }}")
        end

        # systemd.exec(5): C's escapes within double quotes; a per cent sign begins a specifier.
        def systemd(variable, text)
          quoted = text.gsub(/["\\]/) { |sign| "\\#{sign}" }.gsub("%", "%%").gsub("\n", "\\n").gsub("\t", "\\t")
          %(Environment="#{variable}=#{quoted}")
        end

        # A process of a Procfile is one line for a shell.
        def procfile(changes, command)
          variables = changes.map { |variable, text| "#{variable}=#{single_quoted(on_one_line("a Procfile", variable, text))}" }
          words = command.empty? ? USUAL_COMMAND : command.map { |word| on_one_line("a Procfile", "the command", word) }
          ["web: #{["env", *variables, *words.map { |word| Shellwords.escape(word) }].join(" ")}"]
        end

        # JSON's strings are YAML's; $( begins a reference to another variable.
        def kubernetes(changes)
          ["env:", *changes.flat_map { |variable, text|
            ["  - name: #{variable}", "    value: #{JSON.generate(text.gsub("$(", "$$("))}"]
          }]
        end

        def single_quoted(text)
          text.match?(%r{\A[\w@%+=:,./-]+\z}) ? text : "'#{text.gsub("'", "'\\\\''")}'"
        end

        def on_one_line(place, name, text)
          raise Failure, "#{place} cannot hold #{name} with the end of a line in it" if text.include?("\n")
          text
        end
      end
    end
  end
end
