//! `gloveport inspect`: what a component file is, from its bytes alone.

use crate::{
    args::InspectArgs,
    exit::Exit,
    print::{indent, json_line},
};
use anyhow::{Context as _, Result};
use sandbox::Description;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(args: &InspectArgs) -> Result<Exit> {
    let (bytes, stem, from) = read(&args.file)?;
    let description = sandbox::describe(&bytes, &stem).with_context(|| from.clone())?;
    let digest = registry::digest(&bytes);
    if args.json {
        json_line(&as_json(&description, &digest.to_string(), bytes.len()));
        return Ok(Exit::Done);
    }
    println!("{} ({from})", title(&description));
    println!("  digest   {digest}");
    println!("  size     {} bytes", bytes.len());
    if let Some(manifest) = &description.manifest {
        if let Some(summary) = &manifest.summary {
            println!("  summary  {summary}");
        }
        if let Some(licence) = &manifest.licence {
            println!("  licence  {licence}");
        }
    } else {
        println!("  manifest none: it can be granted whatever its imports could use");
    }
    println!("\nneeds (the most that any call to it can be granted)");
    for line in needs(&description) {
        println!("  {line}");
    }
    println!("\nimports, and what each could reach");
    for import in &description.imports {
        println!("  {import}: {}", sandbox::reach_of(import));
    }
    println!("\ntools");
    for (function, tool) in &description.tools {
        println!("  {}.{function}", description.name);
        if let Some(docs) = &tool.docs {
            println!("{}", indent(docs, 6));
        }
        println!("      arguments {}", tool.input);
        println!("      result    {}", tool.output);
    }
    for (function, why) in &description.not_tools {
        println!("  {function} is not a tool: {why}");
    }
    Ok(Exit::Done)
}

/// The bytes of a file, or of a bundled package of that name.
fn read(file: &Path) -> Result<(Vec<u8>, String, String)> {
    let bundled = bundle::PACKAGES.iter().find(|package| file == Path::new(package.name));
    if let Some(package) = bundled {
        return Ok((package.bytes.to_vec(), package.name.to_owned(), "bundled".to_owned()));
    }
    let package = registry::Package::from_file(file)?;
    Ok((package.bytes.to_vec(), package.name.clone(), file.display().to_string()))
}

fn title(description: &Description) -> String {
    match &description.manifest {
        Some(manifest) => format!("{}:{}@{}", manifest.namespace, manifest.name, manifest.version),
        None => description.name.clone(),
    }
}

fn needs(description: &Description) -> Vec<String> {
    let needs = &description.needs;
    let mut lines = Vec::new();
    lines.extend(needs.fs.map(|access| format!("fs       {access}")));
    match &needs.env {
        None => lines.push("env      any variable".into()),
        Some(names) if names.is_empty() => {}
        Some(names) => lines.push(format!("env      {}", names.iter().cloned().collect::<Vec<_>>().join(", "))),
    }
    let texts = |set: &mut dyn Iterator<Item = String>| set.collect::<Vec<_>>().join(", ");
    for (name, hosts) in [("http", &needs.http), ("tcp", &needs.tcp), ("udp", &needs.udp), ("listen", &needs.listen)] {
        if !hosts.is_empty() {
            lines.push(format!("{name:<8} {}", texts(&mut hosts.iter().map(ToString::to_string))));
        }
    }
    if !needs.secrets.is_empty() {
        lines.push(format!("secrets  {}", texts(&mut needs.secrets.iter().map(ToString::to_string))));
    }
    if !needs.invoke.is_empty() {
        lines.push(format!("invoke   {}", texts(&mut needs.invoke.iter().map(ToString::to_string))));
    }
    for (name, time) in [("clock", needs.clock), ("random", needs.random)] {
        if time == policy::Time::Real {
            lines.push(format!("{name:<8} real"));
        }
    }
    if lines.is_empty() {
        lines.push("nothing".into());
    }
    lines
}

fn as_json(description: &Description, digest: &str, size: usize) -> Value {
    let imports = description.imports.iter().map(|name| json!({ "name": name, "reach": sandbox::reach_of(name) }));
    let tools = description.tools.iter().map(|(function, tool)| {
        json!({
            "id": format!("{}.{function}", description.name), "description": tool.docs,
            "input_schema": tool.input, "output_schema": tool.output,
        })
    });
    let not_tools = description.not_tools.iter().map(|(name, why)| json!({ "name": name, "why": why }));
    json!({
        "name": description.name, "digest": digest, "size": size, "manifest": description.manifest,
        "needs": description.needs, "imports": imports.collect::<Vec<_>>(), "tools": tools.collect::<Vec<_>>(),
        "not_tools": not_tools.collect::<Vec<_>>(),
    })
}
