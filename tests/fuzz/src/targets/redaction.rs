//! Masking: as a whole, and in parts.

use arbitrary::{Result, Unstructured};
use sandbox::redact::Redactor;

/// What comes in parts is masked as the whole is, and nothing of a secret is left in either.
pub fn run(data: &[u8]) {
    // Too few bytes are no input.
    let _ = masked(&mut Unstructured::new(data));
}

fn masked(input: &mut Unstructured<'_>) -> Result<()> {
    let secrets: Vec<Vec<u8>> = (0..input.int_in_range(1..=3)?)
        .map(|_| {
            let len = input.int_in_range(0..=24)?;
            Ok(input.bytes(len)?.to_vec())
        })
        .collect::<Result<_>>()?;
    let Ok(redactor) = Redactor::new(secrets.iter().map(|secret| ("s", secret.as_slice()))) else { return Ok(()) };
    let cuts: Vec<usize> =
        (0..input.int_in_range(0..=8)?).map(|_| input.arbitrary::<u8>().map(usize::from)).collect::<Result<_>>()?;
    let mut whole = Vec::new();
    while !input.is_empty() && whole.len() < 4096 {
        // A part of a secret, or of its encodings, or bytes as they come.
        let secret = &secrets[input.choose_index(secrets.len())?];
        let forms = [
            secret.clone(),
            hex::encode(secret).into_bytes(),
            quoted(secret),
            input.bytes(input.len().min(3))?.to_vec(),
        ];
        let form = &forms[input.choose_index(forms.len())?];
        let middle = input.int_in_range(0..=form.len())?;
        whole.extend_from_slice(match input.int_in_range(0..=3)? {
            0 => &form[middle..],
            1 => &form[..middle],
            _ => form,
        });
    }
    check(&redactor, &secrets, &whole, &cuts);
    Ok(())
}

fn check(redactor: &Redactor, secrets: &[Vec<u8>], whole: &[u8], cuts: &[usize]) {
    let mut at_once = whole.to_vec();
    let any = redactor.mask(&mut at_once);
    let mut stream = redactor.stream();
    let (mut parts, mut rest) = (Vec::new(), whole);
    for cut in cuts {
        let (part, more) = rest.split_at((*cut).min(rest.len()));
        parts.extend(stream.push(part));
        rest = more;
    }
    parts.extend(stream.push(rest));
    assert_eq!(stream.masked(), any);
    parts.extend(stream.finish());
    assert_eq!(parts, at_once, "in parts and at once");
    assert_eq!(at_once.len(), whole.len());
    let changed = |(now, then): (&u8, &u8)| now == then || *now == b'*';
    assert!(at_once.iter().zip(whole).all(changed), "something else than a mask was written");
    for secret in secrets {
        for form in [secret.clone(), hex::encode(secret).into_bytes(), quoted(secret)] {
            // Masks beside what is no secret may look like a secret that has stars in it.
            assert!(
                form.contains(&b'*') || !at_once.windows(form.len()).any(|part| part == form),
                "{secret:02x?} is left"
            );
        }
    }
    if let Ok(text) = std::str::from_utf8(whole) {
        let shown = redactor.text(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown == text, at_once == whole);
    }
}

/// The secret in a text of JSON, without the quotes.
fn quoted(secret: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(secret).map(|text| serde_json::to_vec(text).expect("a text")) {
        Ok(quoted) => quoted[1..quoted.len() - 1].to_vec(),
        Err(_) => secret.to_vec(),
    }
}

/// Inputs that hold secrets which overlap with themselves and each other.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = vec![vec![b'a'; 200]];
    seeds.push((0..=255).cycle().take(400).collect());
    seeds.push(b"hunter22hunter2".repeat(20));
    seeds
}
