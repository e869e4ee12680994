//! The Lambda function `watch-base-images`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<watch_base_images::WatchBaseImages>()
}
