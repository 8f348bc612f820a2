//! What the operator grants on the command line, as a policy of its own: it is validated, decided on and recorded like
//! any other.

use crate::args::GrantArgs;
use policy::HostPattern;
use std::fmt::Write as _;

/// The name of that policy in decisions and records.
pub(crate) const NAME: &str = "command-line";

/// Which tools the command line itself names.
pub(crate) enum Callable<'a> {
    /// One tool: `gloveport call TOOL`.
    Tool(&'a str),
    /// Packages: those of `--package`, or all that are loaded.
    Packages(Vec<&'a str>),
}

/// The policy's text, in Cedar.
///
/// `path` holds the names of the packages of `--path`.
pub(crate) fn policy<'a>(grants: &GrantArgs, callable: &Callable<'_>, path: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut permit = |id: &str, rule: &str| {
        let _ = writeln!(text, "@id({})\npermit (principal, {rule};", quoted(&format!("{NAME}/{id}")));
    };
    match callable {
        Callable::Tool(id) => {
            permit(&format!("call-{id}"), &format!("action == Action::\"call\", resource == Tool::{})", quoted(id)))
        }
        Callable::Packages(names) => {
            for name in names {
                permit(
                    &format!("call-{name}"),
                    &format!("action == Action::\"call\", resource in Package::{})", quoted(name)),
                );
            }
        }
    }
    for mount in &grants.mounts {
        let actions = if mount.access.writes() {
            "action in [Action::\"read\", Action::\"write\"]"
        } else {
            "action == Action::\"read\""
        };
        permit(&format!("mount-{}", mount.name), &format!("{actions}, resource == Mount::\"{}\")", mount.name));
    }
    for host in &grants.http {
        permit(
            &format!("http-{host}"),
            &format!("action == Action::\"request\", resource)\nwhen {{ {} }}", matching(host)),
        );
    }
    for address in &grants.reach {
        let range = format!("resource.ip.isInRange(ip({}))", quoted(address));
        permit(&format!("reach-{address}"), &format!("action == Action::\"reach\", resource)\nwhen {{ {range} }}"));
    }
    for (name, host) in &grants.secrets {
        let to = format!("context.request.host == {}", quoted(host));
        let resource = format!("resource == Secret::\"{name}\"");
        permit(
            &format!("secret-{name}-{host}"),
            &format!("action == Action::\"inject\", {resource})\nwhen {{ {to} }}"),
        );
    }
    for tool in &grants.invoke {
        let resource = match tool.package() {
            Some((package, None)) => format!("resource in Package::{}", quoted(package)),
            Some((_, Some(id))) => format!("resource == Tool::{}", quoted(id.as_str())),
            None => "resource".to_owned(),
        };
        permit(&format!("invoke-{tool}"), &format!("action in [Action::\"invoke\", Action::\"call\"], {resource})"));
    }
    for name in path {
        let resource = format!("resource in Package::{}", quoted(name));
        permit(&format!("path-{name}"), &format!("action in [Action::\"exec\", Action::\"call\"], {resource})"));
    }
    for name in &grants.env {
        permit(&format!("env-{name}"), &format!("action == Action::\"use\", resource == Variable::{})", quoted(name)));
    }
    text
}

/// The condition that a host, and its port, are what a pattern covers.
fn matching(pattern: &HostPattern) -> String {
    let text = pattern.to_string();
    let (host, port) = match pattern.port() {
        Some(port) => (text.strip_suffix(&format!(":{port}")).unwrap_or(&text), Some(port)),
        None => (text.as_str(), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = if host.starts_with('*') {
        format!("resource.name like {}", quoted(host))
    } else {
        format!("resource == Host::{}", quoted(host))
    };
    port.map_or(name.clone(), |port| format!("{name} && context.request.port == {port}"))
}

/// A text as a Cedar string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
