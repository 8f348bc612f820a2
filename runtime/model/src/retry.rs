//! Attempts: what passes is tried again, later each time.

use crate::{
    Patience,
    send::{Client, Failed},
    wire::Wire,
};
use controller::{Heard, ModelError, ModelFault, Prompt, Turn};
use rand::RngExt as _;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::sleep;

pub(crate) async fn speak(
    client: &Client,
    wire: &Wire,
    patience: &Patience,
    prompt: &Prompt,
    heard: &Heard<'_>,
) -> Result<Turn, ModelError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let spoke = AtomicBool::new(false);
        let listen = |words: &str| {
            if !words.is_empty() {
                spoke.store(true, Ordering::Relaxed);
                heard(words);
            }
        };
        let Failed { fault, message, passes } = match client.send(wire, prompt, &listen).await {
            Ok(turn) => return Ok(turn),
            Err(failed) => failed,
        };
        let asked = match fault {
            ModelFault::RateLimited(asked) => asked,
            _ => None,
        };
        let too_long = asked.is_some_and(|asked| asked > patience.asked);
        if !passes || too_long || attempts >= patience.attempts {
            return Err(ModelError { fault, message, attempts });
        }
        // What was said so far is said again.
        if spoke.into_inner() {
            heard("\n");
        }
        sleep(asked.unwrap_or_else(|| pause(patience, attempts))).await;
    }
}

/// Anything up to twice as long as before the attempt before, so that many who wait do not come back at the same moment.
fn pause(patience: &Patience, attempts: u32) -> Duration {
    let most = patience.first.saturating_mul(1 << (attempts - 1).min(16)).min(patience.longest);
    most.mul_f64(rand::rng().random_range(0.0..1.0))
}
