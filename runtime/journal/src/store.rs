//! The database: what makes it a journal, and how it is opened.

use crate::{JournalError, Result};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// The file in the state directory.
const FILE: &str = "journal.db";

/// `application_id`: "GlvJ".
const APPLICATION: u32 = 0x476c_764a;

/// `user_version`: the latest format that is known here.
const FORMAT: u32 = 1;

/// How long to wait for another process's commit. Commits take milliseconds; this is for a machine that stands still.
const BUSY: Duration = Duration::from_secs(20);

/// After how many pages of 4 KiB the write-ahead log is merged into the database, which waits for the disk. Many tasks at
/// once change many pages in each commit, and the same ones again: SQLite's own 1000 would have them wait all the time.
const CHECKPOINT_PAGES: u32 = 8192;

// One B-tree in the order in which it is read. A task's events lie together, and tasks in the order of time.
const SCHEMA: &str = "CREATE TABLE event (
    task TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, prev BLOB NOT NULL, digest BLOB NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (task, seq)
) STRICT, WITHOUT ROWID";

/// What an appended event survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The sudden death of the process. After a loss of power the last moments may be missing; the rest is intact.
    Process,
    /// A loss of power too: every commit waits for the disk.
    Power,
}

/// Where the journal of a state directory is.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Opens the database for writing, and makes it where there is none.
pub(crate) fn open(path: &Path, durability: Durability) -> Result<Connection> {
    if !is_journal(path)? {
        create(path)?;
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&db)?;
    let synchronous = match durability {
        Durability::Process => "normal",
        Durability::Power => "full",
    };
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(db)
}

/// Opens the database for reading.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    if !is_journal(path)? {
        return Err(JournalError::Missing { path: path.to_owned() });
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&db)?;
    Ok(db)
}

/// The number that changes when another connection has committed.
pub(crate) fn data_version(db: &Connection) -> Result<i64> {
    Ok(db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

/// Looks at a file without SQLite, which would change it. False where there is none.
fn is_journal(path: &Path) -> Result<bool> {
    let mut header = Vec::with_capacity(100);
    match File::open(path) {
        Ok(file) => file.take(100).read_to_end(&mut header).map_err(JournalError::file(path))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(JournalError::file(path)(error)),
    };
    let not = |why| JournalError::NotAJournal { path: path.to_owned(), why };
    let header = <[u8; 100]>::try_from(header).map_err(|_| not("it is too short"))?;
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(not("it is no SQLite database"));
    }
    if number(68) != APPLICATION {
        return Err(not("it is another program's database"));
    }
    match number(60) {
        FORMAT => Ok(true),
        found => Err(JournalError::Newer { path: path.to_owned(), found, known: FORMAT }),
    }
}

/// Makes the database elsewhere and gives it its name when it is whole. Of many who do so at the same moment one
/// succeeds, and nobody meets the half of one, nor the change to a write-ahead log, for which SQLite does not wait.
fn create(path: &Path) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Of mode 0600, since arguments and results are nobody else's business; SQLite gives its other files the same.
    let file = tempfile::Builder::new().prefix(".journal").tempfile_in(dir).map_err(JournalError::file(path))?;
    let db = Connection::open(file.path())?;
    prepare(&db)?;
    db.execute_batch(SCHEMA)?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", FORMAT)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.close().map_err(|(_, error)| error)?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(JournalError::file(path)(error.error)),
        // So that the name survives a loss of power as what is acknowledged under it does.
        Ok(_) if cfg!(unix) => File::open(dir).and_then(|dir| dir.sync_all()).map_err(JournalError::file(dir)),
        Ok(_) => Ok(()),
    }
}

/// Settings of every connection: patience, and suspicion of what the file says.
fn prepare(db: &Connection) -> Result<()> {
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}
