//! What people can do to tasks over HTTP: see what waits for them, answer it, and steer. Each of them speaks under a token of
//! their own, which says who they are; what they say goes into the record under that name, as it does from the command line.
//!
//! Whoever has a token sees all tasks of the journal. What they may agree to is what policy asks them for by name.

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use controller::{PeopleError, Visited, could_wait};
use journal::{Answer, Author, Journal, JournalError, Steering, TaskId};
use policy::Digest;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{future::Future, io, sync::Arc};
use tokio::{net::TcpListener, runtime::Handle, sync::Semaphore, task::spawn_blocking};

/// The largest request, in bytes: policies are the longest thing that is said.
const MAX_BODY: usize = 1 << 20;
/// How many records are read at a time; the others wait.
const READING: usize = 4;
/// How many events one answer holds at most, and how many bytes of JSON before the last one.
const PAGE: usize = 1_000;
const PAGE_BYTES: usize = 4 << 20;
/// The name of those who speak through this interface.
const VIA: &str = "api";

/// Who may speak, to the tasks of one journal.
pub struct Office {
    journal: Arc<Journal>,
    /// Each name, with the digest of the token that stands for it.
    people: Vec<(String, [u8; 32])>,
    reading: Semaphore,
    /// Told what is not for callers.
    fault: Box<dyn Fn(&JournalError) + Send + Sync>,
}

impl Office {
    /// Nobody may speak yet.
    pub fn new(journal: Arc<Journal>, fault: impl Fn(&JournalError) + Send + Sync + 'static) -> Self {
        Self { journal, people: Vec::new(), reading: Semaphore::new(READING), fault: Box::new(fault) }
    }

    /// Lets a person speak who shows this token. Whether nobody else has it.
    #[must_use]
    pub fn admit(&mut self, name: String, token: &str) -> bool {
        let digest = digest(token);
        let new = self.people.iter().all(|(_, known)| *known != digest);
        self.people.push((name, digest));
        new
    }

    /// Who shows this token. Digests are compared, so how long that takes says nothing of any token.
    fn who(&self, headers: &HeaderMap) -> Option<Author> {
        let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let digest = digest(shown.strip_prefix("Bearer ")?);
        let (name, _) = self.people.iter().find(|(_, known)| *known == digest)?;
        Some(Author { name: name.clone(), via: VIA.to_owned(), account: None })
    }

    /// Does what reads a record, on a thread of its own: it may be long.
    async fn apart<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Arc<Journal>, &Handle) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let permit = self.reading.acquire().await.map_err(|_| Refused::Broken)?;
        let (journal, handle) = (Arc::clone(&self.journal), Handle::current());
        let done = spawn_blocking(move || work(&journal, &handle)).await;
        drop(permit);
        let done = done.map_err(|_| Refused::Broken)?;
        if let Err(Refused::People(PeopleError::Journal(error))) = &done {
            (self.fault)(error);
        }
        done
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Answers requests until `stop`; those that have come are still answered.
///
/// # Errors
/// Where connections cannot be taken any more.
pub async fn serve_people(
    listener: TcpListener,
    office: Office,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let office = Arc::new(office);
    let routes = Router::new()
        .route("/v1/approvals", get(approvals))
        .route("/v1/tasks/{task}/approvals", get(approvals_of))
        .route("/v1/tasks/{task}/events", get(events))
        .route("/v1/tasks/{task}/answers", post(answer))
        .route("/v1/tasks/{task}/steering", post(steer))
        .fallback(async || Refused::NoSuchPath)
        .layer(middleware::from_fn_with_state(Arc::clone(&office), admitted))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(office);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

/// Lets nobody through who is not known, whatever they ask for.
async fn admitted(State(office): State<Arc<Office>>, mut request: Request, next: Next) -> Response {
    let Some(author) = office.who(request.headers()) else {
        return ([(header::WWW_AUTHENTICATE, "Bearer")], Refused::Unknown).into_response();
    };
    request.extensions_mut().insert(author);
    next.run(request).await
}

type Of = State<Arc<Office>>;

async fn approvals(State(office): Of) -> Result<Json<Value>, Refused> {
    let all = office.apart(|journal, _| {
        let tasks = could_wait(&journal.reader()?)?;
        tasks.into_iter().map(|task| waiting(journal, task)).collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(all.await?.concat().into()))
}

async fn approvals_of(State(office): Of, Path(task): Path<String>) -> Result<Json<Value>, Refused> {
    let task = parse(&task)?;
    Ok(Json(office.apart(move |journal, _| waiting(journal, task)).await?.into()))
}

fn waiting(journal: &Journal, task: TaskId) -> Result<Vec<Value>, Refused> {
    let visited = Visited::new(journal, task)?;
    Ok(visited.open().map(|ask| json!({ "task": task, "ask": ask })).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    /// The first event that is wanted.
    #[serde(default)]
    from: u64,
}

/// Events as they were recorded, in pages; `next` is what to ask for next.
async fn events(
    State(office): Of,
    Path(task): Path<String>,
    from: Result<Query<From>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let (task, Query(From { from })) = (parse(&task)?, from.map_err(|error| Refused::Wrong(error.body_text()))?);
    let page = office.apart(move |journal, _| {
        let reader = journal.reader()?;
        if reader.head(&task)?.is_none() {
            return Err(PeopleError::UnknownTask(task).into());
        }
        let (mut events, mut next, mut bytes) = (Vec::new(), from, 0);
        for event in reader.events(&task, from) {
            let event = event?;
            next = event.seq + 1;
            let event = event.as_json();
            bytes += event.to_string().len();
            events.push(event);
            if events.len() >= PAGE || bytes >= PAGE_BYTES {
                break;
            }
        }
        Ok(json!({ "events": events, "next": next, "driven": reader.is_driven(&task)? }))
    });
    Ok(Json(page.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    /// What it was asked under.
    digest: Digest,
    answer: Answer,
}

async fn answer(
    State(office): Of,
    Extension(by): Extension<Author>,
    Path(task): Path<String>,
    body: Result<Json<Answered>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Refused> {
    let (task, Json(Answered { digest, answer })) = (parse(&task)?, body.map_err(wrong)?);
    let said = office
        .apart(move |journal, handle| Ok(handle.block_on(Visited::new(journal, task)?.answer(digest, answer, by))?));
    said.await.map(|()| StatusCode::NO_CONTENT)
}

/// How a task is steered.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Steered {
    Pause,
    Continue,
    Cancel(String),
    Tell(String),
    /// The text of further rules, each of which can only forbid.
    Tighten(String),
}

async fn steer(
    State(office): Of,
    Extension(by): Extension<Author>,
    Path(task): Path<String>,
    body: Result<Json<Steered>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Refused> {
    let (task, Json(steered)) = (parse(&task)?, body.map_err(wrong)?);
    let said = office.apart(move |journal, handle| {
        let visited = Visited::new(journal, task)?;
        let steering = match steered {
            Steered::Pause => Steering::Pause,
            Steered::Continue => Steering::Continue,
            Steered::Cancel(why) => Steering::Cancel(why),
            Steered::Tell(words) => Steering::Tell(words),
            Steered::Tighten(rules) => visited.tightening(VIA, rules),
        };
        Ok(handle.block_on(visited.steer(steering, by))?)
    });
    said.await.map(|()| StatusCode::NO_CONTENT)
}

fn parse(task: &str) -> Result<TaskId, Refused> {
    task.parse().map_err(|_| Refused::NoSuchPath)
}

fn wrong(error: axum::extract::rejection::JsonRejection) -> Refused {
    Refused::Wrong(error.body_text())
}

/// Why a request is not done.
enum Refused {
    /// Nobody known asks.
    Unknown,
    NoSuchPath,
    /// It cannot be read.
    Wrong(String),
    People(PeopleError),
    /// This program failed.
    Broken,
}

impl<E: Into<PeopleError>> std::convert::From<E> for Refused {
    fn from(error: E) -> Self {
        Self::People(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::People(error) => match error {
                PeopleError::UnknownTask(_) | PeopleError::NotAsked { .. } => StatusCode::NOT_FOUND,
                PeopleError::NotAnApprover { .. } => StatusCode::FORBIDDEN,
                PeopleError::Expired(_) => StatusCode::GONE,
                PeopleError::Closed(_)
                | PeopleError::NoPlan(_)
                | PeopleError::Answered { .. }
                | PeopleError::NotPaused
                | PeopleError::NoPlanner
                | PeopleError::CannotDrop { .. } => StatusCode::CONFLICT,
                PeopleError::WrongAnswer(_)
                | PeopleError::UnknownPackage { .. }
                | PeopleError::Plan(_)
                | PeopleError::Unfit(_)
                | PeopleError::Policy(_) => StatusCode::UNPROCESSABLE_ENTITY,
                PeopleError::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        };
        let why = match self {
            Self::Unknown => {
                "expected `Authorization: Bearer TOKEN` with the token of a person who is known here".into()
            }
            Self::NoSuchPath => "there is nothing of this name".into(),
            Self::Wrong(why) => why,
            Self::People(PeopleError::Journal(_)) | Self::Broken => {
                "it could not be done; the operator knows why".into()
            }
            Self::People(error) => error.to_string(),
        };
        (status, Json(json!({ "error": why }))).into_response()
    }
}
