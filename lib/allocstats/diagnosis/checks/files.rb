# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # Pages of mapped files, or of shared memory, grow: the kernel takes the former back when it needs them.
      class Files < Grows
        private

        def summary = "Files and shared memory that are mapped grow by #{pace(:files)}."

        def more = ["pages of files go back when the kernel needs memory; those of shared memory do not"]

        def remedy = mappings("$6")
      end
    end
  end
end
