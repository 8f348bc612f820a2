//! Runs the cases of `tests/corpus` at the root of the workspace: policies, requests, and the decisions they must lead
//! to. A case says everything about its request that differs from the file's `[base]`.

#![expect(clippy::disallowed_methods, reason = "a test may read its cases")]

mod case;

use case::{Case, Expected, File};
use policy::{Decision, Policy};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

fn files() -> Vec<(PathBuf, File)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let entries = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {}", folder.display());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("readable");
        let file = File::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, file)
    };
    paths.into_iter().map(read).collect()
}

/// Every case with the policy of its file, which all cases of the file share.
fn each_case(mut check: impl FnMut(&str, &File, &Policy, &Case)) {
    let mut cases = 0;
    for (path, file) in files() {
        let Ok(policy) = file.load() else { continue };
        for case in file.cases() {
            let name = format!("{}: {}", path.file_name().expect("a file").to_string_lossy(), case.name);
            check(&name, &file, &policy, &case);
            cases += 1;
        }
    }
    assert!(cases > 0);
}

#[test]
fn policies_load_or_are_refused_as_written() {
    let mut refused = 0;
    for (path, file) in files() {
        let error = file.load().err().map(|error| error.to_string());
        assert_eq!(error, file.error(), "{}", path.display());
        refused += usize::from(error.is_some());
    }
    assert!(refused > 0);
}

#[test]
fn requests_are_decided_as_written() {
    each_case(|name, _, policy, case| {
        let decision = policy.decide_approved(&case.request(), &case.agreed);
        assert_eq!(Expected::of(&decision), case.expected(), "{name}");
    });
}

/// The explanation of a request ends in its decision, and its JSON holds the same.
#[test]
fn explanations_agree_with_decisions() {
    each_case(|name, _, policy, case| {
        let decision = serde_json::to_value(policy.decide(&case.request())).expect("plain data");
        let explanation = policy.explain(&case.request());
        let mut explained = serde_json::to_value(&explanation).expect("plain data");
        let questions = explained.as_object_mut().and_then(|fields| fields.remove("questions"));
        assert!(questions.is_some_and(|questions| questions.is_array()), "{name}");
        assert_eq!(explained, decision, "{name}");
        let last = explanation.to_string().lines().last().map(str::to_owned);
        let kind = decision["decision"].as_str().expect("a tag");
        assert!(last.is_some_and(|line| line.starts_with(kind)), "{name}:\n{explanation}");
    });
}

/// A policy that has decided everything else before says the same as one that never decided anything.
#[test]
fn what_is_remembered_is_what_would_be_decided() {
    let mut variations = 0;
    each_case(|name, file, policy, case| {
        // One that is asked with an approver in mind remembers nothing.
        let fresh = file.load().expect("it loaded before");
        for case in case.variations() {
            let expected = fresh.decide_approved(&case.request(), &BTreeSet::new());
            assert_eq!(policy.decide(&case.request()), expected, "{name}: first");
            assert_eq!(policy.decide(&case.request()), expected, "{name}: again");
            variations += 1;
        }
    });
    assert!(variations > 100, "{variations}");
}

/// An operator who adds the permits that a denial names gets no denial for want of a permit.
#[test]
fn hints_allow_what_they_say() {
    let mut followed = 0;
    each_case(|name, file, policy, case| {
        let Decision::Deny(denial) = policy.decide(&case.request()) else {
            return;
        };
        let hints = denial.refused.iter().map(|refusal| refusal.hint.as_str());
        let hints: Vec<_> = hints.filter(|hint| hint.starts_with("permit(")).collect();
        if hints.is_empty() {
            return;
        }
        let extended = file.load_with(&hints.join("\n")).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Decision::Deny(denial) = extended.decide(&case.request()) {
            for refusal in denial.refused {
                assert!(!hints.contains(&refusal.hint.as_str()), "{name}: still refused after {}", refusal.hint);
            }
        }
        followed += 1;
    });
    assert!(followed > 0);
}

#[test]
fn nothing_allows_nothing() {
    each_case(|name, _, _, case| {
        assert!(matches!(Policy::none().decide(&case.request()), Decision::Deny(_)), "{name}");
    });
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Policy>();
}
