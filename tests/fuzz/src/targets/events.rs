//! What a journal's rows say.

use journal::EventBody;
use sandbox::Outcome;

/// An event is written and read again as the same; a record of an outcome is always one.
pub fn run(data: &[u8]) {
    if let Ok(record) = serde_json::from_slice(data) {
        let outcome = Outcome::from_record(&record);
        let written = serde_json::to_value(&outcome).expect("an outcome can be written");
        assert_eq!(Outcome::from_record(&written), outcome);
    }
    let Ok(event) = serde_json::from_slice::<EventBody>(data) else { return };
    let written = serde_json::to_vec(&event).expect("an event can be written");
    let again: EventBody = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, event);
}

/// Events and outcomes of all kinds.
pub fn seeds() -> Vec<Vec<u8>> {
    let digest = "0".repeat(64);
    let mut seeds: Vec<String> = [
        r#"{"event":"step-started","step":"a","can_change":true}"#,
        r#"{"event":"step-ended","step":"a","outcome":{"end":{"kind":"result","value":[1.5,"x"]}},"provenance":["plan","mount:out"]}"#,
        r#"{"event":"step-refused","step":"a","why":"é","budget":true}"#,
        r#"{"event":"step-skipped","step":"a","why":""}"#,
        r#"{"event":"task-resumed"}"#,
        r#"{"event":"task-ended","state":"done"}"#,
        r#"{"end":{"kind":"limit","value":{"limit":"cpu","value":10}},"usage":{"cpu_us":1,"wall_us":2,"memory":3,"written":4}}"#,
        r#"{"end":{"kind":"cancelled"},"usage":{"cpu_us":1,"wall_us":2,"memory":3,"written":18446744073709551615}}"#,
        r#"{"end":{"kind":"trap","value":"x"},"usage":{"cpu_us":1,"wall_us":2,"memory":3,"written":4},"printed":{}}"#,
    ]
    .map(String::from)
    .into();
    seeds.push(format!(
        r#"{{"event":"decided","step":"a","tool":"files.read","digest":"sha256:{digest}","args":{{"path":"w/x"}},
            "provenance":{{"path":["plan"]}},"decision":{{"decision":"allow"}}}}"#
    ));
    seeds.into_iter().map(String::into_bytes).collect()
}
