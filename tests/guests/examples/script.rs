//! An interpreter of scripts whose only way out is to call other tools.

/// Scripts, a line a call.
#[gloveport::tools(package = "guests:script", needs(fs = "read-write", http = ["*"], invoke = ["*"]))]
pub mod script {
    use gloveport::host;
    use std::collections::BTreeMap;

    /// Runs a script and gives back the value of its last line.
    ///
    /// `NAME = TOOL ARGUMENTS` keeps what a tool gives back, where the arguments are JSON and `$NAME` in them stands for what was
    /// kept, as JSON; `$NAME.FIELD` stands for one of its texts. `try` before a tool keeps why it failed instead, where it does.
    pub fn run(
        /// The script.
        code: String,
    ) -> Result<String, String> {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        let mut last = String::from("null");
        for (number, line) in code.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            let (name, rest) = line.split_once(" = ").ok_or_else(|| wrong("expected `NAME = TOOL ARGUMENTS`"))?;
            let (tries, rest) = match rest.strip_prefix("try ") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let (tool, arguments) = rest.split_once(' ').ok_or_else(|| wrong("expected arguments"))?;
            last = match host::invoke(tool, &filled(arguments, &kept)) {
                Ok(value) => value,
                Err(error) if tries => format!("{:?}", error.to_string()),
                Err(error) => return Err(wrong(&error.to_string())),
            };
            kept.insert(name.to_owned(), last.clone());
        }
        Ok(last)
    }

    fn filled(arguments: &str, kept: &BTreeMap<String, String>) -> String {
        let mut filled = arguments.to_owned();
        for (name, value) in kept {
            while let Some(at) = filled.find(&format!("${name}.")) {
                let rest = &filled[at + name.len() + 2..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let field = text(value, &rest[..end]).to_owned();
                filled.replace_range(at..at + name.len() + 2 + end, &field);
            }
            filled = filled.replace(&format!("${name}"), value);
        }
        filled
    }

    /// A text in an object, as it is written there.
    fn text<'a>(object: &'a str, field: &str) -> &'a str {
        let from = object.split_once(&format!("\"{field}\":\"")).map_or("", |(_, rest)| rest);
        let mut escaped = false;
        let end = from.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        &from[..end.unwrap_or(0)]
    }
}
