//! `gloveport doctor`: what this machine can do for those who trust nothing.

use crate::{
    args::JsonArgs,
    exit::Exit,
    print::{json_line, line, one_line},
};
use anyhow::{Context as _, Result};
use sandbox::{Probed, Wall, WallStanding};
use serde_json::json;

pub(crate) async fn run(args: &JsonArgs) -> Result<Exit> {
    let probed = sandbox::probe_isolation().await.context("`isolation = \"process\"` cannot be had")?;
    let Probed { walls, tried } = probed;
    let holds = tried.values().all(Option::is_none);
    let exit = if holds { Exit::Done } else { Exit::Denied };
    if args.json {
        json_line(&json!({ "walls": walls, "tried": tried }));
        return Ok(exit);
    }
    line("Walls around a worker process (`isolation = \"process\"`):\n");
    for wall in Wall::ALL {
        let (stands, how) = match walls.0.get(&wall) {
            Some(WallStanding::Up(how)) => ("yes", how.clone()),
            Some(WallStanding::Missing(why)) => ("NO", why.clone()),
            None => ("NO", "not tried".to_owned()),
        };
        let how = if how.is_empty() { String::new() } else { format!(" ({})", one_line(&how)) };
        line(&format!("  {wall:18} {stands:4} {}{how}", wall.meaning()));
    }
    line("\nTried from behind them:\n");
    for (what, reached) in &tried {
        let came = reached.as_ref().map_or("refused".to_owned(), |reached| format!("REACHED {}", one_line(reached)));
        line(&format!("  {what:34} {came}"));
    }
    let up: Vec<_> = Wall::ALL.into_iter().filter(|wall| walls.missing([wall]).is_empty()).collect();
    let keys: Vec<_> = up.iter().map(|wall| format!("\"{wall}\"")).collect();
    line(&format!(
        "\nTo insist on all that this machine has:\n\n  isolation = \"process\"\n  require = [{}]",
        keys.join(", ")
    ));
    Ok(exit)
}
