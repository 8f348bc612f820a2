//! The settings of a package: the keys there are, and the two places that may hold them.
//!
//! The attribute and `[package.metadata.gloveport]` are read into the same list of entries, and one reading of that list
//! checks keys, values and contradictions for both.

use crate::{
    errors::Errors,
    lists::{LISTS, PROGRAMS},
    manifest::{Manifest, Needs, PackageName},
    name::Name,
};
use proc_macro2::{Ident, Span};
use std::collections::HashMap;

/// Every key, and where it may stand.
const KEYS: [(&str, &[Place]); 15] = [
    ("package", &[Place::Attribute]),
    ("summary", &[Place::Attribute, Place::CargoToml]),
    ("licence", &[Place::Attribute, Place::CargoToml]),
    ("needs.fs", &[Place::Attribute, Place::CargoToml]),
    ("needs.env", &[Place::Attribute, Place::CargoToml]),
    ("needs.clock", &[Place::Attribute, Place::CargoToml]),
    ("needs.random", &[Place::Attribute, Place::CargoToml]),
    ("needs.http", &[Place::Attribute, Place::CargoToml]),
    ("needs.tcp", &[Place::Attribute, Place::CargoToml]),
    ("needs.udp", &[Place::Attribute, Place::CargoToml]),
    ("needs.listen", &[Place::Attribute, Place::CargoToml]),
    ("needs.secrets", &[Place::Attribute, Place::CargoToml]),
    ("needs.invoke", &[Place::Attribute, Place::CargoToml]),
    ("needs.exec", &[Place::Attribute, Place::CargoToml]),
    ("programs", &[Place::Attribute, Place::CargoToml]),
];

/// The namespace of a package that names none.
const DEFAULT_NAMESPACE: &str = "local";

/// Where a setting stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Attribute,
    CargoToml,
}

impl Place {
    fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "`#[gloveport::tools(…)]`",
            Self::CargoToml => "`[package.metadata.gloveport]` of Cargo.toml",
        }
    }
}

/// One setting as it was written.
pub(crate) struct Entry {
    /// With `needs.` before the name of a need.
    pub(crate) key: String,
    /// `None` where the value is neither a text nor a list of texts.
    pub(crate) value: Option<Given>,
    pub(crate) place: Place,
    pub(crate) span: Span,
}

/// The value of a setting.
pub(crate) enum Given {
    Text(String),
    List(Vec<String>),
}

/// What cargo tells of the crate.
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) license: String,
}

impl Crate {
    /// The crate that is being compiled.
    pub(crate) fn current() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Self {
            name: variable("CARGO_PKG_NAME"),
            version: variable("CARGO_PKG_VERSION"),
            description: variable("CARGO_PKG_DESCRIPTION"),
            license: variable("CARGO_PKG_LICENSE"),
        }
    }
}

/// Reads `entries` for the module `module` of `of`. What it gives is whole only if no error was reported.
pub(crate) fn resolve(entries: Vec<Entry>, module: &Ident, of: &Crate, errors: &mut Errors) -> Option<Manifest> {
    let mut given = collect(entries, errors);
    let mut text = |key: &str, errors: &mut Errors| match given.remove(key)? {
        Entry { value: Some(Given::Text(text)), span, .. } => Some((text, span)),
        Entry { span, .. } => {
            errors.at_span(span, format!("`{key}` takes a text in quotes"));
            None
        }
    };
    let package = text("package", errors);
    let summary = text("summary", errors).map(|(text, _)| text);
    let licence = text("licence", errors).map(|(text, _)| text);
    let mut word = |key: &str, words: &[&str], errors: &mut Errors| {
        let (found, span) = text(key, errors)?;
        if !words.contains(&found.as_str()) {
            let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            errors.at_span(
                span,
                format!("`{key}` cannot be \"{found}\"; expected {}, or leave the key out", words.join(" or ")),
            );
        }
        Some(found)
    };
    let mut needs = Needs {
        fs: word("needs.fs", &["read", "read-write"], errors),
        clock: word("needs.clock", &["real"], errors),
        random: word("needs.random", &["real"], errors),
        lists: HashMap::new(),
    };
    for list in &LISTS {
        let texts = given.remove(list.key).and_then(|entry| list.read(entry, errors));
        needs.lists.extend(texts.map(|texts| (list.name(), texts)));
    }
    let programs = given.remove(PROGRAMS.key).and_then(|entry| PROGRAMS.read(entry, errors));
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    Some(Manifest {
        package: package_name(package, module, of, errors)?,
        summary: summary.or_else(|| filled(&of.description)),
        licence: licence.or_else(|| filled(&of.license)),
        needs,
        programs: programs.unwrap_or_default(),
    })
}

/// Refuses unknown keys and keys that are given twice.
fn collect(entries: Vec<Entry>, errors: &mut Errors) -> HashMap<&'static str, Entry> {
    let mut given: HashMap<&'static str, Entry> = HashMap::new();
    for entry in entries {
        let known = KEYS.iter().filter(|(_, places)| places.contains(&entry.place)).map(|(key, _)| *key);
        let Some(key) = known.clone().find(|key| *key == entry.key) else {
            let nearest = known.min_by_key(|key| distance(key, &entry.key)).unwrap_or_default();
            errors.at_span(
                entry.span,
                format!(
                    "unknown key `{}` in {}; the nearest known key is `{nearest}`",
                    entry.key,
                    entry.place.as_str()
                ),
            );
            continue;
        };
        if let Some(other) = given.get(key) {
            let message = if other.place == entry.place {
                format!("`{key}` is given twice in {}; keep one", entry.place.as_str())
            } else {
                format!("`{key}` is given both in {} and in {}; keep one", other.place.as_str(), entry.place.as_str())
            };
            errors.at_span(entry.span, message);
            continue;
        }
        given.insert(key, entry);
    }
    given
}

fn package_name(given: Option<(String, Span)>, module: &Ident, of: &Crate, errors: &mut Errors) -> Option<PackageName> {
    let span = given.as_ref().map_or_else(|| module.span(), |(_, span)| *span);
    let mut refuse = |message: String| {
        errors.at_span(span, message);
        None
    };
    let (namespace, name, version) = match &given {
        None => (DEFAULT_NAMESPACE, None, None),
        Some((text, _)) => match text.split_once(':') {
            None => {
                return refuse(format!(
                    "`package` cannot be \"{text}\"; expected \"namespace:name\" or \"namespace:name@version\""
                ));
            }
            Some((namespace, rest)) => match rest.split_once('@') {
                None => (namespace, Some(rest), None),
                Some((name, version)) => (namespace, Some(name), Some(version)),
            },
        },
    };
    let namespace = match Name::of_package(namespace) {
        Ok(name) => name,
        Err(refusal) => return refuse(format!("`{namespace}` is no namespace: {refusal}")),
    };
    let name = match name {
        Some(text) => match Name::of_package(text) {
            Ok(name) => name,
            Err(refusal) => return refuse(format!("`{text}` is no package name: {refusal}")),
        },
        // A module without a WIT spelling is reported where the module is read.
        None => Name::of(module).ok()?,
    };
    let version = version.unwrap_or(&of.version);
    match version.parse() {
        Ok(version) => Some(PackageName { namespace, name, version }),
        Err(error) => refuse(format!("`{version}` is no version ({error}); expected one such as `0.1.0`")),
    }
}

/// How many letters must change to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attribute::Arguments, cargo_toml};

    /// Either the manifest or every error, a line each.
    fn outcome(attribute: &str, cargo_toml: &str) -> String {
        let mut errors = Errors::default();
        let Arguments(mut entries) = syn::parse_str(attribute).expect("the attribute parses");
        entries.extend(cargo_toml::entries(cargo_toml, Span::call_site(), &mut errors));
        let module = Ident::new("line_tools", Span::call_site());
        let of = Crate {
            name: "text".into(),
            version: "0.4.0".into(),
            description: "From cargo".into(),
            license: "MIT".into(),
        };
        let manifest = resolve(entries, &module, &of, &mut errors);
        match manifest {
            Some(manifest) if errors.is_empty() => manifest.to_json(&[]),
            _ => errors.messages().join("\n"),
        }
    }

    #[track_caller]
    fn check(attribute: &str, settings: &str, expected: &str) {
        let cargo_toml = format!("[package]\nname = \"x\"\n{settings}");
        assert_eq!(outcome(attribute, &cargo_toml), expected);
    }

    #[test]
    fn every_key_in_either_place() {
        let crate_alone = r#"{"manifest":1,"namespace":"local","name":"line-tools","version":"0.4.0","summary":"From cargo","licence":"MIT","needs":{}}"#;
        check("", "", crate_alone);
        let all = r#"{"manifest":1,"namespace":"acme","name":"text","version":"2.0.0","summary":"s","licence":"l","needs":{"fs":"read","clock":"real","random":"real","env":["A","B_2"],"http":["*.a.b:443","[::1]"],"tcp":["c"],"udp":["d:53"],"listen":["127.0.0.1:80"],"secrets":["github"],"invoke":["files.read","text.*"],"exec":["grep"]},"programs":["sh"]}"#;
        let lists = r#"env = ["A", "B_2"], http = ["*.a.b:443", "[::1]"], tcp = ["c"], udp = ["d:53"], listen = ["127.0.0.1:80"], secrets = ["github"], invoke = ["files.read", "text.*"], exec = ["grep"]"#;
        let needs = format!(r#"needs(fs = "read", clock = "real", random = "real", {lists})"#);
        check(
            &format!(r#"package = "acme:text@2.0.0", summary = "s", licence = "l", programs = ["sh"], {needs}"#),
            "",
            all,
        );
        check(
            r#"package = "acme:text@2.0.0""#,
            &format!(
                "metadata.gloveport = {{ summary = 's', licence = 'l', programs = ['sh'], needs = {{ fs = 'read', clock = 'real', random = 'real', {lists} }} }}"
            ),
            all,
        );
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let unknown = |key: &str, place: &str, nearest: &str| {
            format!("unknown key `{key}` in {place}; the nearest known key is `{nearest}`")
        };
        let attribute = "`#[gloveport::tools(…)]`";
        let metadata = "`[package.metadata.gloveport]` of Cargo.toml";
        check(r#"license = "MIT""#, "", &unknown("license", attribute, "licence"));
        check("needs(evn = [])", "", &unknown("needs.evn", attribute, "needs.env"));
        check("tool = { a = 1 }", "", &unknown("tool", attribute, "package"));
        check("", "metadata.gloveport.sumary = 's'", &unknown("sumary", metadata, "summary"));
        check("", "metadata.gloveport.needs.rand = 'real'", &unknown("needs.rand", metadata, "needs.random"));
        check("", "metadata.gloveport.needs = 'fs'", &unknown("needs", metadata, "needs.fs"));
        check("", "metadata.gloveport.package = 'a:b'", &unknown("package", metadata, "licence"));
    }

    #[test]
    fn a_key_is_given_once() {
        check(
            r#"needs(fs = "read")"#,
            "metadata.gloveport.needs.fs = 'read'",
            "`needs.fs` is given both in `#[gloveport::tools(…)]` and in `[package.metadata.gloveport]` of Cargo.toml; keep one",
        );
        check(r#"summary = "a", summary = "a""#, "", "`summary` is given twice in `#[gloveport::tools(…)]`; keep one");
    }

    #[test]
    fn values_are_checked() {
        check(
            r#"summary, needs(fs = "write", clock = true, env = "LANG")"#,
            "",
            "`summary` takes a text in quotes\n\
             `needs.fs` cannot be \"write\"; expected \"read\" or \"read-write\", or leave the key out\n\
             `needs.clock` takes a text in quotes\n\
             `needs.env` takes a list of names, such as `env = [\"LANG\"]`",
        );
        check(
            r#"needs(env = ["A", "A", "B C"])"#,
            "",
            "`needs.env` names `A` twice; keep one\n\
             `needs.env` names `B C`, which is no variable: expected letters, digits and `_`",
        );
        check(
            r#"needs(http = "a", tcp = ["b", 1], secrets = true, invoke = {})"#,
            "",
            "`needs.http` takes a list of hosts, such as `http = [\"api.example.com\"]`\n\
             `needs.tcp` takes a list of hosts, such as `tcp = [\"db.example.com:5432\"]`\n\
             `needs.secrets` takes a list of names, such as `secrets = [\"github\"]`\n\
             `needs.invoke` takes a list of tools, such as `invoke = [\"files.read\"]`",
        );
        check(
            "",
            "metadata.gloveport.needs = { udp = ['https://a'], listen = ['a', 'a'], secrets = ['a b'], invoke = ['files'] }",
            "`needs.udp` names `https://a`, which is no pattern of hosts: expected `*`, `*.example.com`, `api.example.com` or an address, in lower case and punycode, and `:PORT` where only one is meant\n\
             `needs.listen` names `a` twice; keep one\n\
             `needs.secrets` names `a b`, which is no name of a secret: expected 1 to 64 letters, digits, `-` or `_`, starting with a letter\n\
             `needs.invoke` names `files`, which is no pattern of tools: expected `*`, `package.*` or `package.function`",
        );
        check("", "metadata.gloveport = 1", "Cargo.toml: `package.metadata.gloveport` takes a table");
    }

    #[test]
    fn package_names_are_checked() {
        let check = |package: &str, expected: &str| check(&format!("package = {package:?}"), "", expected);
        check("text", "`package` cannot be \"text\"; expected \"namespace:name\" or \"namespace:name@version\"");
        check("Acme:text", "`Acme` is no namespace: `A` is not a lower-case ASCII letter or digit");
        check(
            "acme:text-2d",
            "`text-2d` is no package name: its word `2d` starts with a digit; join it to the word before it, or spell it out",
        );
        check(
            "acme:gen",
            "`gen` is no package name: it is a keyword of Rust 2024 that the bindings cannot escape; choose another name",
        );
        check("acme:", "`` is no package name: it holds no letter");
        check(
            "a:b@1",
            "`1` is no version (unexpected end of input while parsing major version number); expected one such as `0.1.0`",
        );
    }
}
