//! Plans as graphs: lists, conditions, tries, keys, and what is known to be wrong before anything runs.

use crate::program::{Ended, Place, guest};
use std::fs;

const ALL: &str = "permit (principal, action, resource);";

/// Runs a plan of these steps, with what comes before them.
fn run(place: &Place, head: &str, steps: &str) -> Ended {
    place.write("policy.cedar", ALL);
    let guests = [guest("odd"), guest("repeats")].map(|path| format!("{:?}", path.display().to_string()));
    place.write(
        "plan.toml",
        &format!(
            "objective = \"test\"\npolicy = [\"policy.cedar\"]\ntools = [\"files\", \"text\", \"data\", {}]\n{head}\n[mounts.out]\npath = \"out\"\naccess = \"read-write\"\n{steps}",
            guests.join(", ")
        ),
    );
    place.run(&["run", "plan.toml"])
}

/// Runs steps, and says how it must end and what must be told.
#[track_caller]
fn check(steps: &str, code: i32, expected: &[&str]) -> Place {
    let place = Place::new();
    run(&place, "", steps).expect(code, expected);
    place
}

/// Steps that are refused before anything is made or recorded.
#[track_caller]
fn unfit(steps: &str, expected: &[&str]) {
    let place = Place::new();
    run(&place, "", steps).expect(2, expected);
    assert_eq!(fs::read_dir(place.path("state")).expect("a folder").count(), 0, "something was recorded");
}

#[test]
fn a_step_for_each_value() {
    let write = "args = { path = \"out/${{ index }}-${{ item }}\", content = \"${{ item }}\" }";
    let place = check(
        &format!(
            "[[step]]\nid = \"list\"\ntool = \"odd.echo\"\nargs = {{ text = \"a,b,c\" }}
             [[step]]\nid = \"each\"\ntool = \"files.write\"\nforeach = \"${{{{ steps.list.result.split(',') }}}}\"\n{write}
             [[step]]\nid = \"none\"\ntool = \"files.write\"\nforeach = []\n{write}
             [[step]]\nid = \"count\"\ntool = \"odd.echo\"\nargs = {{ text = \"${{{{ steps.each.result.size() }}}} and ${{{{ steps.none.result.size() }}}}\" }}\nexpect = \"result == '3 and 0'\""
        ),
        0,
        &["expanded  each: 3 calls", "ended     each[2]: ok", "expanded  none: 0 calls", "as expected"],
    );
    assert_eq!(place.read("out/1-b"), "b");
    // One that fails: the others go on, and what they gave is not a result.
    let fail = |more: &str| {
        format!(
            "[[step]]\nid = \"each\"\ntool = \"odd.fail\"\nforeach = [\"x\", \"y\"]\nargs = {{ why = \"${{{{ item }}}}\" }}\n{more}
             [[step]]\nid = \"after\"\ntool = \"odd.echo\"\nargs = {{ text = \"${{{{ steps.each.error }}}}\" }}\nexpect = \"result == 'each[0] and 1 more: x'\""
        )
    };
    check(&fail("on_failure = \"continue\""), 0, &["ended     each[1]: tool error", "as expected"]);
    check(&fail(""), 4, &["did not succeed"]);
    check(
        "[[step]]\nid = \"each\"\ntool = \"odd.echo\"\nforeach = \"${{ [1, 2][0] == 1 ? {'a': 1} : {'a': 2} }}\"\nargs = { text = \"x\" }",
        2,
        &["step `each`, foreach: an object is not a list"],
    );
}

#[test]
fn conditions() {
    let step = |when: &str| {
        format!(
            "[[step]]\nid = \"try\"\ntool = \"odd.fail\"\nargs = {{ why = \"broken\" }}\non_failure = \"continue\"
             [[step]]\nid = \"repair\"\ntool = \"odd.echo\"\nwhen = \"{when}\"\nargs = {{ text = \"${{{{ steps.try.error }}}}\" }}
             [[step]]\nid = \"last\"\ntool = \"odd.echo\"\nafter = [\"repair\"]\nargs = {{ text = \"${{{{ steps.repair.state }}}}\" }}"
        )
    };
    check(&step("steps.try.state == 'failed'"), 0, &["ended     repair: ok", "ended     last: ok"]);
    check(
        &step("steps.try.state == 'done'"),
        0,
        &["skipped   repair: `steps.try.state == 'done'` is false", "ended     last: ok"],
    );
    check(&step("steps.try.error.oops"), 4, &["refused   repair: when:"]);
}

#[test]
fn tries() {
    let flaky = |fails: u32, more: &str| {
        format!(
            "[[step]]\nid = \"f\"\ntool = \"repeats.flaky\"\nargs = {{ path = \"out/runs\", fails = {fails} }}\n{more}"
        )
    };
    let place = check(
        &flaky(2, "retry = { tries = 3, wait = \"1ms\" }"),
        0,
        &["tried again after 1", "tried again after 2", "ended     f: ok"],
    );
    assert_eq!(place.read("out/runs").lines().count(), 3);
    let place = check(&flaky(9, "retry = { tries = 2, wait = \"1ms\" }"), 4, &["step `f` did not succeed"]);
    assert_eq!(place.read("out/runs").lines().count(), 2);
    // A check that does not hold is tried again as well.
    check(
        &flaky(0, "expect = \"result == 3\"\nretry = { tries = 5, wait = \"1ms\" }"),
        0,
        &["not as expected", "as expected"],
    );
    let once = "[[step]]\nid = \"o\"\ntool = \"repeats.once\"\nargs = { path = \"out/runs\", line = \"x\" }\nretry = { tries = 2 }\n";
    unfit(once, &["step `o`, retry: `repeats.once` may be unsafe to repeat", "idempotent = true"]);
    check(&format!("{once}idempotent = true"), 0, &["ended     o: ok"]);
}

#[test]
fn every_try_of_a_call_has_the_same_key_and_no_other_call_has_it() {
    let keyed = |id: &str, more: &str| {
        format!(
            "[[step]]\nid = \"{id}\"\ntool = \"repeats.keyed\"\nargs = {{ path = \"out/{id}\", fails = 1{more} }}\nretry = {{ tries = 2, wait = \"1ms\" }}\n"
        )
    };
    let echo = "[[step]]\nid = \"own\"\ntool = \"odd.echo\"\nargs = { text = \"${{ key }}\" }\nexpect = \"result.size() == 32\"";
    let place = check(
        &format!("{}{}{}{echo}", keyed("a", ""), keyed("b", ""), keyed("c", ", key = \"mine\"")),
        0,
        &["as expected"],
    );
    let keys = |id: &str| place.read(&format!("out/{id}")).lines().map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (keys("a"), keys("b"));
    assert_eq!((a.len(), &a[0], a[0].len()), (2, &a[1], 32), "{a:?}");
    assert_ne!(a, b);
    assert_eq!(keys("c"), ["mine", "mine"]);
}

#[test]
pub(crate) fn repeats() {
    let place = check(
        "[[step]]\nid = \"s\"\ntool = \"repeats.sneaky\"\nargs = { path = \"out/trace\" }",
        4,
        &["ended     s: tool error", "1 refused"],
    );
    assert!(!place.path("out/trace").exists());
    // It may run again where it was interrupted, and nothing else of its package may.
    let package = guest("repeats").display().to_string();
    let tools = place.run(&["tools", "repeats.", "--json", "--package", &package, "--mount", "out=out:rw"]);
    let hints: Vec<_> = tools
        .stdout
        .lines()
        .map(|line| {
            let tool: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{} {} {}", tool["id"].as_str().unwrap_or_default(), tool["repeat"], tool["needs"]["fs"])
        })
        .collect();
    assert_eq!(
        hints,
        [
            "repeats.flaky \"idempotent\" \"read-write\"",
            "repeats.keyed {\"keyed\":\"key\"} \"read-write\"",
            "repeats.once \"unsafe\" \"read-write\"",
            "repeats.sneaky \"pure\" \"read\"",
        ]
    );
}

#[test]
fn steps_that_do_not_fit_together() {
    let echo = |text: &str| format!("[[step]]\nid = \"e\"\ntool = \"odd.echo\"\nargs = {{ text = {text} }}\n");
    let list = "[[step]]\nid = \"l\"\ntool = \"files.list\"\nargs = { path = \"out\" }\n";
    let with = |text: &str| format!("{list}{}", echo(text));
    unfit(&echo("5"), &["plan plan.toml: step `e`, args.text: expected a string, got an integer"]);
    unfit(&with("\"${{ steps.l.result }}\""), &["step `e`, args.text: expected a string, got an object"]);
    unfit(&with("\"${{ steps.l.result.entires }}\""), &["there is no field `entires`; fields are: ", "entries"]);
    unfit(&with("\"${{ steps.l.result.entries[0].nmae }}\""), &["there is no field `nmae`"]);
    unfit(&with("\"${{ steps.l.result.entries.map(e, e.nmae).join(',') }}\""), &["there is no field `nmae`"]);
    unfit(&with("\"${{ steps.l.result.entries.size() }}\""), &["expected a string, got an integer"]);
    unfit(&with("\"${{ steps.l.resutl }}\""), &["there is no field `resutl`; fields are: state, result, error"]);
    unfit(
        "[[step]]\nid = \"e\"\ntool = \"odd.echo\"\n",
        &["step `e`, args: `text` is missing, which `odd.echo` needs"],
    );
    unfit(&echo("\"a\", txet = \"b\""), &["args.txet: there is no such argument; did you mean `text`?"]);
    unfit(&echo("\"a\"").replace("odd.echo", "odd.ehco"), &["there is no tool `odd.ehco`; did you mean `odd.echo`?"]);
    unfit(
        &format!("{}expect = \"result.size()\"\n", echo("\"a\"")),
        &["step `e`, expect: expected true or false, got an integer"],
    );
    // All that is wrong is told at once.
    unfit(&with("5, more = 1"), &["args.text", "args.more"]);
    // What could be right is left to be seen.
    check(&with("\"${{ steps.l.result.entries.map(e, e.name).join(',') }}\""), 0, &["ended     e: ok"]);
    check(
        &with("\"${{ steps.l.result.entries.filter(e, e.name == 'x').size() > 0 ? 'some' : 'none' }}\""),
        0,
        &["ended     e: ok"],
    );
}
