//! The Lambda function `reserve-budget`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<reserve_budget::ReserveBudget>()
}
