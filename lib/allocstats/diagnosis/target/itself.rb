# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # The command when it looks at nobody else: what is true of it is true of any Ruby that is started in its place.
      class Itself < ThisProcess
        def title = "a Ruby started in this environment"

        private

        # What has just been started has no history that would say anything.
        def read_growth
          @wait ? super : void(:growth, "a process that was just started does not grow yet")
        end
      end
    end
  end
end
