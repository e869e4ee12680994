//! The Lambda function `schedule-builds`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<schedule_builds::ScheduleBuilds>()
}
