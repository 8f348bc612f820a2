//! `gloveport init`: a starter configuration and policy.

use crate::{args::InitArgs, config, exit::Exit, print::line};
use anyhow::{Context as _, Result, bail};
use std::{fs, io::Write as _};

const FILES: [(&str, &str); 2] = [
    (config::FILE, include_str!("../starter/gloveport.toml")),
    ("policy.cedar", include_str!("../starter/policy.cedar")),
];

pub(crate) fn run(args: &InitArgs) -> Result<Exit> {
    // All or nothing: what is there is never written over.
    for (name, _) in FILES {
        let path = args.folder.join(name);
        if path.exists() {
            bail!("{} is there already; nothing was written", path.display());
        }
    }
    fs::create_dir_all(&args.folder).with_context(|| args.folder.display().to_string())?;
    for (name, text) in FILES {
        let path = args.folder.join(name);
        let file = fs::File::options().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(|| path.display().to_string())?;
        line(&format!("wrote {}", path.display()));
    }
    Ok(Exit::Done)
}
