//! A package's claims about itself.

use policy::Manifest;

/// What is read is written and read again as the same.
pub fn run(data: &[u8]) {
    let manifest = match Manifest::parse(data) {
        Ok(manifest) => manifest,
        Err(error) => {
            assert!(error.to_string().starts_with("section `gloveport:manifest`: "), "{error}");
            return;
        }
    };
    let written = serde_json::to_vec(&manifest).expect("a manifest can be written");
    assert_eq!(Manifest::parse(&written).expect("what was written can be read"), manifest);
}

/// Manifests of all kinds.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"manifest":1,"namespace":"acme","name":"text","version":"0.1.0","needs":{}}"#,
        r#"{"manifest":1,"namespace":"acme","name":"text","version":"0.1.0","summary":"é","licence":"MIT",
            "needs":{"fs":"read-write","env":["LANG","HOME"],"clock":"real","random":"virtual"}}"#,
        r#"{"manifest":1,"namespace":"a","name":"b-1","version":"","needs":{"fs":"read","env":null}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
