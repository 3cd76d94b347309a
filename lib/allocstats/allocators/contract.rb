# frozen_string_literal: true

module AllocStats
  module Allocators
    # What the module of each allocator answers: here with what one answers that has nothing of the kind. The files of its
    # folder have what is more than a line. test/allocators_contract_test.rb holds it for each of them.
    #
    # A room knows the extension, /proc and Formats, and nobody who asks it.
    module Contract
      # [Symbol] of LIST
      def id = name[/\w+\z/].downcase.to_sym

      # What AllocStats takes over of it: a module of methods, with METHODS, the names (String) of those that work under this
      # allocator alone; NEEDLESS, name => what is to be said where one is called under another; HELP, name => a line; and
      # LOADED, where there are any, the names of those that need no file of their own, so that every Ractor can call them.
      # @return [Module, nil]
      def native_api = nil

      # Its stats dump (Allocators.stats_dump) taken apart.
      # @return [Hash] of :figures, :arenas, :bins and :details, what there is (Census)
      # @raise [Malformed] for a text of another kind
      def census(_text) = raise(Malformed, "#{id} has no statistics")

      # Whether live bytes are there, and in no cheaper figure of a sample.
      def live_in_census? = false

      # What can be tuned: `option(name)` of the running version, `starting(name, version)` for a process that is yet to
      # start (each an Option, or nil for what it has not), `known?(name)`, `names` and `usual`, for a sentence.
      # @return [Module, nil]
      def options = nil

      # What :low_memory, :balanced and :throughput stand for; of the options of one, a version sets those that it has.
      # @param version [String] of the allocator
      # @return [Hash{Symbol => Hash{Symbol => Object}}] empty where nothing can be tuned
      def profiles(_version) = {}

      # What was asked of it at the start.
      # @param variables [Hash{String => String}]
      # @return [Array<Setting>]
      def environment(_variables) = []

      # [Regexp] whose match says that a variable of this name speaks to it, and to nobody else
      def variables = /(?!)/

      # [Regexp] the same, of whatever else steers it, or a copy of it that is built into a library
      def steering = variables

      # Variables that hold several options => what is between them.
      # @return [Hash{String => String}]
      def separators = {}

      # How it spreads what it holds, where that is by the processors it sees.
      # @return [Arenas, nil]
      def arenas = nil

      # Threads that it may have itself: `name` of theirs, `option` that asks for them, `wanted?` in this process,
      # `asked?(variables)` of another one, and the `remedy` that brings back what a fork took.
      # @return [Module, nil]
      def own_threads = nil

      # Lines for the start of one process: `huge_pages:` has it do without them, `reserve:` reserve less address space.
      # @return [Hash{Symbol => String}]
      def lines = {}

      # How it is had where it can be preloaded.
      # @return [Packages, nil]
      def packages = nil

      # [Regexp, nil] the name of the C library's file whose own malloc it is
      def libc = nil

      # Functions, beside the one that the extension knows it by, that nothing else offers but its library, or a program
      # that was linked statically with it. musl's are glibc's, too, which is asked first.
      # @return [Array<String>]
      def signs = []

      # What is wrong with a version, and when it shows.
      # @param version [String, nil]
      # @return [Array<Fault>]
      def known_faults(version) = faults.select { |fault| fault.of?(version) }

      # Of all versions.
      # @return [Array<Fault>]
      def faults = []
    end
  end
end
