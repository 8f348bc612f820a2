//! Runs a target over its seeds, its folder of inputs, and mutations of both.

use crate::{Target, mutate::mutated};
use rand::{SeedableRng as _, rngs::StdRng};
use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The input that is being run. It stays when the process dies of it, and is run first the next time.
const LAST: &str = "last";

/// How much is tried after the seeds and the folder.
#[derive(Debug, Clone, Copy)]
pub enum Bounds {
    /// So many inputs: the same for every run with the same seed.
    Inputs(u64),
    /// As many as are done in this time.
    Time(Duration),
}

/// What did not hold.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The target panicked.
    #[error("target `{target}` failed: {message}\n  run it again with: cargo xtask fuzz {target} --input {}", input.display())]
    Panic {
        /// Which.
        target: &'static str,
        /// What it said.
        message: String,
        /// Where the input is now.
        input: PathBuf,
    },
    /// The target did not come back.
    #[error("target `{target}` took more than {patience:?}\n  run it again with: cargo xtask fuzz {target} --input {}", input.display())]
    Hang {
        /// Which.
        target: &'static str,
        /// How long was waited.
        patience: Duration,
        /// Where the input is now.
        input: PathBuf,
    },
    /// The folder of inputs cannot be used.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Runs a target, and says how many inputs it saw. What fails is written into its folder of `corpus`, where every later
/// run begins with it.
///
/// # Errors
/// At the first input that fails.
pub fn drive(target: &Target, corpus: &Path, bounds: Bounds, seed: u64) -> Result<u64, Failure> {
    let folder = corpus.join(target.name);
    let mut known = read(&folder)?;
    known.extend((target.seeds)());
    let mut worker = Worker::start(*target, folder);
    for input in &known {
        worker.run(input)?;
    }
    let mut rng = StdRng::seed_from_u64(seed);
    let (start, mut tried) = (Instant::now(), 0);
    while match bounds {
        Bounds::Inputs(inputs) => tried < inputs,
        Bounds::Time(time) => start.elapsed() < time,
    } {
        worker.run(&mutated(&known, &mut rng))?;
        tried += 1;
    }
    worker.end()?;
    Ok(known.len() as u64 + tried)
}

/// Runs a target over one file.
///
/// # Errors
/// Where it fails, or there is no such file.
pub fn once(target: &Target, corpus: &Path, input: &Path) -> Result<(), Failure> {
    let bytes = fs::read(input).map_err(|error| Failure::File { path: input.to_owned(), error })?;
    let mut worker = Worker::start(*target, corpus.join(target.name));
    worker.run(&bytes)?;
    worker.end()
}

/// The inputs in a folder, by name; none where there is no folder.
fn read(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let fail = |path: &Path, error| Failure::File { path: path.to_owned(), error };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<_> = entries.map_err(|error| fail(folder, error))?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).map_err(|error| fail(path, error))).collect()
}

/// A thread that runs inputs. It has the stack of any thread, and can be left alone when it does not come back.
struct Worker {
    target: Target,
    folder: PathBuf,
    inputs: SyncSender<Vec<u8>>,
    results: Receiver<Result<(), String>>,
}

impl Worker {
    fn start(target: Target, folder: PathBuf) -> Self {
        let (inputs, to_run) = sync_channel::<Vec<u8>>(0);
        let (done, results) = sync_channel(1);
        thread::spawn(move || {
            for input in to_run {
                let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
                if done.send(ran.map_err(|panic| message(&*panic))).is_err() {
                    return;
                }
            }
        });
        Self { target, folder, inputs, results }
    }

    fn run(&mut self, input: &[u8]) -> Result<(), Failure> {
        self.write(LAST, input)?;
        let target = self.target.name;
        let lost = || "its thread is gone".to_owned();
        let result = match self.inputs.send(input.to_vec()) {
            Ok(()) => self.results.recv_timeout(self.target.patience),
            Err(_) => Ok(Err(lost())),
        };
        let message = match result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(message)) => message,
            Err(RecvTimeoutError::Disconnected) => lost(),
            Err(RecvTimeoutError::Timeout) => {
                let input = self.keep("hang", input)?;
                return Err(Failure::Hang { target, patience: self.target.patience, input });
            }
        };
        let input = self.keep("crash", input)?;
        Err(Failure::Panic { target, message, input })
    }

    /// Writes an input under a name that says what it does.
    fn keep(&self, kind: &str, input: &[u8]) -> Result<PathBuf, Failure> {
        let digest = blake3::hash(input).to_hex();
        let path = self.write(&format!("{kind}-{}", &digest[..16]), input)?;
        self.forget()?;
        Ok(path)
    }

    fn write(&self, name: &str, input: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        let written = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&path, input));
        written.map_err(|error| Failure::File { path: path.clone(), error })?;
        Ok(path)
    }

    fn forget(&self) -> Result<(), Failure> {
        let path = self.folder.join(LAST);
        fs::remove_file(&path).map_err(|error| Failure::File { path, error })
    }

    fn end(self) -> Result<(), Failure> {
        self.forget()?;
        // A folder is there for what is in it.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into())
}
