//! What `Policy::explain` tells a person and a program.

use policy::{Access, Limits, Narrow, Needs, Policy, Provenance, Request, Spent, Time};
use std::collections::{BTreeMap, BTreeSet};

const POLICY: &str = r#"
@id("call") permit(principal, action == Action::"call", resource in Package::"files");
@id("see") permit(principal, action == Action::"read", resource == Mount::"docs");
@id("change") @approval("dora") permit(principal, action == Action::"write", resource == Mount::"docs");
@id("hide") forbid(principal, action == Action::"use", resource == Variable::"TOKEN");
"#;

fn check(needs: Needs, text: &str, json: serde_json::Value) {
    let policy = Policy::parse(&[("main.cedar", POLICY)]).expect("valid");
    let explanation = policy.explain(&Request {
        tenant: "acme",
        roles: &[],
        principal: &"alice".parse().expect("a name"),
        tool: &"files.write".parse().expect("an id"),
        digest: "sha256:0",
        needs: &needs,
        mounts: &[("docs".parse().expect("a name"), Access::ReadWrite)],
        env: &BTreeSet::from(["TOKEN".to_owned()]),
        narrow: &Narrow::default(),
        within: None,
        limits: Limits::default(),
        args: &serde_json::json!({}),
        provenance: &BTreeMap::new(),
        chosen: &Provenance::new(),
        classification: &Default::default(),
        shared: &BTreeSet::new(),
        spent: Spent::default(),
    });
    assert_eq!(explanation.to_string(), text);
    assert_eq!(serde_json::to_value(&explanation).expect("plain data"), json);
}

#[test]
fn a_line_for_each_question_and_one_for_the_decision() {
    check(
        Needs { fs: Some(Access::ReadWrite), env: None, clock: Time::Real, ..Needs::default() },
        r#"call Tool::"files.write"  allow      by call
read Mount::"docs"        allow      by see
write Mount::"docs"       ask        by change  of dora
use Variable::"TOKEN"     leave out  by hide  forbidden by hide
use Clock::"real"         leave out  permit(principal == Agent::"alice", action == Action::"use", resource == Clock::"real");
ask dora, by change"#,
        serde_json::json!({
            "questions": [
                {
                    "action": "call",
                    "resource": "Tool::\"files.write\"",
                    "verdict": "allow",
                    "policies": [
                        "call"
                    ]
                },
                {
                    "action": "read",
                    "resource": "Mount::\"docs\"",
                    "verdict": "allow",
                    "policies": [
                        "see"
                    ]
                },
                {
                    "action": "write",
                    "resource": "Mount::\"docs\"",
                    "verdict": "ask",
                    "policies": [
                        "change"
                    ],
                    "approvers": [
                        "dora"
                    ]
                },
                {
                    "action": "use",
                    "resource": "Variable::\"TOKEN\"",
                    "verdict": "leave-out",
                    "policies": [
                        "hide"
                    ],
                    "hint": "forbidden by hide"
                },
                {
                    "action": "use",
                    "resource": "Clock::\"real\"",
                    "verdict": "leave-out",
                    "hint": "permit(principal == Agent::\"alice\", action == Action::\"use\", resource == Clock::\"real\");"
                }
            ],
            "decision": "ask",
            "approvers": [
                "dora"
            ],
            "policies": [
                "change"
            ]
        }),
    );
}
