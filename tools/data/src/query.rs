//! jq filters.

use crate::{
    data::Format,
    format::{self, MAX_DEPTH, Table},
};
use jaq_core::{
    Compiler, Ctx, Exn, Vars, compile,
    data::JustLut,
    load::{self, Arena, File, Loader},
};
use jaq_json::Val;
use serde::de::IgnoredAny;

const DEFAULT_MAX: u32 = 1000;

/// What all results may take together.
const MAX_BYTES: usize = 16 << 20;

/// The parser, the compiler and the runtime follow a filter by recursion: twice these fit the stack that a call has.
const MAX_FILTER_BYTES: usize = 10_000;
const MAX_FILTER_NESTING: usize = 64;
const MAX_FILTER_STEPS: usize = 200;

pub(crate) fn query(
    input: &str,
    filter: &str,
    format: Option<Format>,
    max: Option<u32>,
) -> Result<Vec<String>, String> {
    let filter = compile(filter)?;
    let input = value(input, format.unwrap_or(Format::Json))?;
    let max = max.unwrap_or(DEFAULT_MAX) as usize;
    let context = Ctx::<JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut results = Vec::new();
    let mut bytes = 0;
    for result in filter.id.run((context, input)) {
        let result = result.map_err(stopped)?.to_string();
        bytes += result.len();
        if results.len() >= max {
            return Err(format!(
                "the filter gives more than {max} results: raise `max`, or make one of them with `[…]` or `limit({max}; …)`"
            ));
        }
        if bytes > MAX_BYTES {
            return Err(format!(
                "the results are over {MAX_BYTES} bytes: let the filter choose fewer, or less of each"
            ));
        }
        // What jaq prints is more than JSON: NaN, bytes, and keys that are no strings.
        serde_json::from_str::<IgnoredAny>(&result).map_err(|error| {
            format!(
                "result {} cannot be said in JSON ({error}): it holds nan, infinite, bytes or keys that are no strings",
                results.len() + 1
            )
        })?;
        results.push(result);
    }
    Ok(results)
}

/// What jq has and these crates of jaq have not.
const DEFINITIONS: &str = r#"
def __row(text): map(
    if . == null then "" elif type == "string" then text elif type == "array" or type == "object"
    then error("\(type) \(tojson) is not valid in a row") else tostring end);
def @csv: __row("\"" + (split("\"") | join("\"\"")) + "\"") | join(",");
def @tsv: __row(split("\\") | join("\\\\") | split("\t") | join("\\t") | split("\n") | join("\\n") | split("\r") | join("\\r")) | join("\t");
"#;

type Filter = jaq_core::Filter<JustLut<Val>>;

fn compile(code: &str) -> Result<Filter, String> {
    if code.len() > MAX_FILTER_BYTES {
        return Err(format!("`filter` has {} bytes: at most {MAX_FILTER_BYTES}", code.len()));
    }
    if nesting(code) > MAX_FILTER_NESTING {
        return Err(format!("`filter` nests over {MAX_FILTER_NESTING} deep: name parts of it with `def`"));
    }
    let steps = steps(code);
    if steps > MAX_FILTER_STEPS {
        return Err(format!(
            "`filter` chains {steps} operators: at most {MAX_FILTER_STEPS}; give data as `input`, not inside the filter"
        ));
    }
    let arena = Arena::default();
    let own = load::parse(DEFINITIONS, |parser| parser.defs()).unwrap_or_default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    let modules = Loader::new(definitions).load(&arena, File { path: (), code }).map_err(|errors| {
        let errors = errors.into_iter().map(|(file, error)| load_error(file.code, error));
        format!("`filter` is not jq: {}", errors.collect::<Vec<_>>().join("; "))
    })?;
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let errors = errors.into_iter().flat_map(|(file, errors)| {
            errors.into_iter().map(move |(found, what)| compile_error(file.code, found, &what))
        });
        format!("`filter` is not jq: {}", errors.collect::<Vec<_>>().join("; "))
    })
}

fn load_error(code: &str, error: load::Error<&str>) -> String {
    let texts: Vec<_> = match error {
        load::Error::Io(errors) => errors.into_iter().map(|(path, error)| format!("{path}: {error}")).collect(),
        load::Error::Lex(errors) => {
            errors.into_iter().map(|(expected, found)| place(code, found, expected.as_str())).collect()
        }
        load::Error::Parse(errors) => {
            errors.into_iter().map(|(expected, found)| place(code, found, expected.as_str())).collect()
        }
    };
    texts.join("; ")
}

fn place(code: &str, found: &str, expected: &str) -> String {
    const SHOWN: usize = 20;
    let at = load::span(code, found).start;
    if found.is_empty() {
        return format!("{expected} expected at its end");
    }
    format!("{expected} expected at byte {at}, before {:?}", found.chars().take(SHOWN).collect::<String>())
}

fn compile_error(code: &str, found: &str, what: &compile::Undefined) -> String {
    let at = load::span(code, found).start;
    match what {
        compile::Undefined::Filter(arity) => format!("no filter {found} with {arity} arguments (byte {at})"),
        what => format!("no {} {found} (byte {at})", what.as_str()),
    }
}

fn stopped(exception: Exn<'_, Val>) -> String {
    match exception.get_err() {
        Ok(error) => format!("the filter failed: {error}"),
        Err(exception) => match exception.get_halt() {
            Ok(code) => format!("the filter called halt with {code}"),
            Err(_) => "the filter broke out of a label that it is not in".to_owned(),
        },
    }
}

fn value(input: &str, format: Format) -> Result<Val, String> {
    let converted;
    let json = match format {
        Format::Json => input,
        format => {
            converted = format::to_json(&format::read(input, format, &Table::default())?);
            &converted
        }
    };
    // jaq's reader follows values by recursion, and has no limit of its own.
    if nesting(json) > MAX_DEPTH {
        return Err(format!("the input nests over {MAX_DEPTH} deep"));
    }
    jaq_json::read::parse_single(json.as_bytes()).map_err(|error| format!("the input is not JSON: {error}"))
}

/// How deep brackets nest outside of strings.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            // In jq, `\(` opens an expression inside a string.
            b'\\' if in_string => depth += usize::from(bytes.next() == Some(b'(')),
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// How many parts of a filter the parser may go down into without a bracket, at most.
fn steps(code: &str) -> usize {
    let operators = code.bytes().filter(|byte| b"|,-".contains(byte)).count();
    let words = code.split(|c: char| !c.is_alphanumeric());
    operators + words.filter(|word| matches!(*word, "if" | "elif" | "try" | "catch" | "def" | "label")).count()
}

#[cfg(test)]
mod tests {
    use crate::data::{Format, query};

    #[track_caller]
    fn check(input: &str, filter: &str, expected: &[&str]) {
        assert_eq!(query(input.into(), filter.into(), None, None).expect("results"), expected);
    }

    #[test]
    fn filters_run() {
        check(r#"{"z":[1,2.50],"a":"é"}"#, ".", &[r#"{"z":[1,2.50],"a":"é"}"#]);
        check(r#"{"items":[{"p":5},{"p":20}]}"#, ".items | map(select(.p > 10)) | length", &["1"]);
        check("[3,1,2]", "sort, .[0], empty", &["[1,2,3]", "3"]);
        check("null", r#""a\("b" + "c")" | test("BC"; "i")"#, &["true"]);
        check("[1,2]", "def f(x): x + 1; map(f(.))", &["[2,3]"]);
        check(r#"[1,"a\"b",null,true]"#, "@csv", &[r#""1,\"a\"\"b\",,true""#]);
        check(r#"[1.5,"a\tb\\c"]"#, "@tsv", &[r#""1.5\ta\\tb\\\\c""#]);
        check("12345678901234567890", ". + 1", &["12345678901234567891"]);
        check("1", "[limit(3; repeat(.))]", &["[1,1,1]"]);
        check("1", "try error(\"x\") catch .", &[r#""x""#]);
        let yaml = query("a: 1\nb: [x]\n".into(), ".b".into(), Some(Format::Yaml), None);
        assert_eq!(yaml, Ok(vec![r#"["x"]"#.to_owned()]));
    }

    #[track_caller]
    fn check_refused(input: &str, filter: &str, expected: &str) {
        let error = query(input.into(), filter.into(), None, Some(10)).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_goes_wrong_is_told() {
        check_refused("[1", ".", "the input is not JSON");
        check_refused("1 2", ".", "the input is not JSON");
        check_refused("", ".", "the input is not JSON");
        check_refused("1", ". |", "expected at its end");
        check_refused("1", ". ^ 2", "expected at byte 2, before \"^ 2\"");
        check_refused("1", "nope(1)", "no filter nope with 1 arguments (byte 0)");
        check_refused("1", "$x", "no variable $x (byte 0)");
        check_refused("1", "import \"a\" as a; .", "not jq");
        check_refused("1", ".a", "the filter failed: ");
        check_refused("[[1]]", "@csv", "array [1] is not valid in a row");
        check_refused("1", "halt", "the filter called halt with 0");
        check_refused("1", "nan", "result 1 cannot be said in JSON");
        check_refused("1", "1, {(1|tostring): infinite}", "result 2 cannot be said in JSON");
    }

    #[test]
    fn everything_is_bounded() {
        check_refused("1", "range(11)", "more than 10 results: raise `max`");
        check_refused("1", "repeat(.)", "more than 10 results: raise `max`");
        check_refused("\"0123456789abcdef\"", "reduce range(21) as $i (.; . + .)", "over 16777216 bytes");
        check_refused(&"[".repeat(100_000), ".", "nests over 128 deep");
        check_refused("1", &"(".repeat(65), "nests over 64 deep");
        check_refused("1", &format!("{}1", "\"\\(".repeat(65)), "nests over 64 deep");
        check_refused("1", &"1|".repeat(10_000), "`filter` has 20000 bytes");
        check_refused("1", &"-".repeat(201), "`filter` chains 201 operators");
        check_refused("1", &"try ".repeat(201), "`filter` chains 201 operators");
        // A bracket in a string is none.
        check(&format!("\"{}\\\"[\"", "[".repeat(200)), "length", &["202"]);
    }
}
