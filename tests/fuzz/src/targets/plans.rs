//! Plans, with the expressions and templates in them.

use controller::Plan;
use std::path::Path;

/// A plan is read, or refused with its name.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Plan::parse("plan.toml", text, Path::new("/plans")) {
        Ok(plan) => assert_eq!(plan.text, text),
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.contains("plan.toml"), "{shown}");
        }
    }
}

/// The example tasks' plans.
pub fn seeds() -> Vec<Vec<u8>> {
    super::files("../scenarios", "plan.toml")
}
