//! Policy files.

use policy::Policy;

/// A policy is read, or refused with its name.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Policy::parse(&[("policy.cedar", text)]) {
        Ok(policy) => assert_eq!(policy.sources(), [("policy.cedar".to_owned(), text.to_owned())]),
        Err(error) => assert!(error.to_string().contains("policy.cedar"), "{error}"),
    }
}

/// The example tasks' policies, and what a policy can say beside that.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::files("../scenarios", ".cedar");
    seeds.push(
        br#"@id("a") @approval("owner") permit (principal in Role::"r", action == Action::"call", resource in Package::"files")
            when { context.args.hasTag("path") && context.args.getTag("path") like "a/*" };
            @id("b") forbid (principal, action, resource) unless { context.spent.calls < 10 };"#
            .to_vec(),
    );
    seeds
}
