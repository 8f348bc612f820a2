//! Which tasks there are, and where they stand.

use crate::{EventBody, JournalError, Reader, Result, TaskId, TaskState, event::decode};
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

/// A line about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskSummary {
    /// Its id.
    pub task: TaskId,
    /// What it is to achieve; absent for a record of single calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The time of its first event, in milliseconds since 1970.
    pub started_ms: u64,
    /// The time of its last event.
    pub last_ms: u64,
    /// How many events its last one says there are.
    pub events: u64,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// Some process drives it.
    Running,
    /// It ended, or waits for a person.
    Ended {
        /// How.
        state: TaskState,
    },
    /// Nobody drives it, and it has not ended: it can be resumed.
    Interrupted,
    /// Calls outside of plans: such a record has no end.
    Calls,
    /// Its first or its last event cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// The first or the last event of a task.
struct Edge {
    seq: u64,
    at_ms: u64,
    json: Vec<u8>,
}

impl Reader {
    /// Tasks, newest first, at most so many, and only those before one, so that long lists can be read in parts.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn tasks(&self, before: Option<&TaskId>, limit: usize) -> Result<Vec<TaskSummary>> {
        // From one task to the one before it, without reading what is in between. `~` comes after every id.
        let mut ids = self.db.prepare_cached(
            "WITH RECURSIVE found(task) AS (
                SELECT max(task) FROM event WHERE task < ?1
                UNION ALL SELECT (SELECT max(task) FROM event WHERE task < found.task) FROM found WHERE task IS NOT NULL
            ) SELECT task FROM found WHERE task IS NOT NULL LIMIT ?2",
        )?;
        let before = before.map_or("~", TaskId::as_str);
        let ids = ids.query_map((before, i64::try_from(limit).unwrap_or(i64::MAX)), task_id)?;
        ids.map(|task| self.summary(&task?)).collect()
    }

    /// The line about one task.
    ///
    /// # Errors
    /// [`JournalError::UnknownTask`] where it has no record.
    pub fn summary(&self, task: &TaskId) -> Result<TaskSummary> {
        let first =
            self.edge(task, "SELECT seq, at_ms, CAST(body AS BLOB) FROM event WHERE task = ?1 ORDER BY seq LIMIT 1")?;
        let last = self
            .edge(task, "SELECT seq, at_ms, CAST(body AS BLOB) FROM event WHERE task = ?1 ORDER BY seq DESC LIMIT 1")?;
        let (objective, standing) = match (decode(task, first.seq, &first.json), decode(task, last.seq, &last.json)) {
            (Ok(EventBody::TaskStarted(started)), Ok(EventBody::TaskEnded { state, .. })) => {
                (Some(started.objective), Standing::Ended { state })
            }
            (Ok(EventBody::TaskStarted(started)), Ok(_)) => {
                let standing = if self.is_driven(task)? { Standing::Running } else { Standing::Interrupted };
                (Some(started.objective), standing)
            }
            (Ok(_), Ok(_)) => (None, Standing::Calls),
            (Err(error), _) | (_, Err(error)) => (None, Standing::Unreadable { why: error.to_string() }),
        };
        Ok(TaskSummary {
            task: *task,
            objective,
            standing,
            started_ms: first.at_ms,
            last_ms: last.at_ms,
            events: last.seq.saturating_add(1),
        })
    }

    fn edge(&self, task: &TaskId, sql: &str) -> Result<Edge> {
        let edge = self.db.prepare_cached(sql)?.query_row([task.as_str()], |row| {
            Ok(Edge {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                at_ms: row.get::<_, i64>(1)?.cast_unsigned(),
                json: row.get(2)?,
            })
        });
        edge.optional()?.ok_or(JournalError::UnknownTask(*task))
    }
}

/// A stored id, which may be anything.
pub(crate) fn task_id(row: &Row<'_>) -> rusqlite::Result<TaskId> {
    let text: String = row.get(0)?;
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}
