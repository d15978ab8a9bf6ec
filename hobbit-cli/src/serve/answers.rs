//! What is answered at which address.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use hobbit::TrialId;
use hobbit::observe;
use hobbit::report::{self, Shelved};
use hobbit::repository::Reader;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;

use super::guard::{Guard, guarded};
use super::shelf::Shelf;
use super::study::{Known, Study};

type Shared = State<Arc<Shelf>>;

pub(super) fn routes(shelf: Arc<Shelf>, guard: Guard) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/events", get(home_events))
        .route("/style.css", get(async || typed("text/css; charset=utf-8", report::style())))
        .route("/script.js", get(async || typed("text/javascript; charset=utf-8", report::script())))
        .route("/study/{study}", get(page))
        .route("/study/{study}/events", get(events))
        .route("/study/{study}/trial/{trial}", get(trial))
        .route("/study/{study}/{file}", get(file))
        .route("/study/{study}/weights/{file}", get(weights))
        .fallback(async || missing("There is no such page."))
        .layer(from_fn_with_state(guard, guarded))
        .with_state(shelf)
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

fn html(page: impl Into<Body>) -> Response {
    typed("text/html; charset=utf-8", page)
}

fn plain(status: StatusCode, text: &str) -> Response {
    let text = observe::printable_lines(text).into_owned();
    (status, typed("text/plain; charset=utf-8", text)).into_response()
}

fn missing(text: &str) -> Response {
    plain(StatusCode::NOT_FOUND, text)
}

/// Does what takes a while where it keeps nobody waiting.
async fn aside(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("The page could not be made: {error}"))
    })
}

/// The answer for a study of which something is known, or why not.
async fn of_study(
    shelf: Arc<Shelf>,
    name: String,
    answer: impl FnOnce(&Study) -> Result<Response, String> + Send + 'static,
) -> Response {
    let Some(study) = shelf.study(&name) else { return missing("There is no such study.") };
    aside(move || answer(&study).unwrap_or_else(|why| plain(StatusCode::INTERNAL_SERVER_ERROR, &why))).await
}

async fn home(State(shelf): Shared) -> Response {
    if let Some(only) = shelf.only() {
        return Redirect::temporary(&format!("/study/{}", only.name)).into_response();
    }
    aside(move || {
        shelf.search();
        let version = shelf.version();
        let known: Vec<(Arc<Study>, Result<Known, String>)> =
            shelf.all().into_iter().map(|study| (Arc::clone(&study), study.known())).collect();
        let shelved = known.iter().map(|(study, known)| {
            let dir = study.dir.to_string_lossy().into_owned();
            match known {
                Ok(known) => Shelved::Study(&study.name, dir, &known.report),
                Err(why) => Shelved::Damaged(dir, why.clone()),
            }
        });
        html(report::studies(&version, &shelved.collect::<Vec<_>>()))
    })
    .await
}

async fn page(State(shelf): Shared, Path(name): Path<String>) -> Response {
    of_study(shelf, name, |study| {
        let page = study.page()?;
        Ok(html(page))
    })
    .await
}

async fn trial(State(shelf): Shared, Path((name, trial)): Path<(String, String)>) -> Response {
    of_study(shelf, name, move |study| {
        let Ok(id) = trial.parse::<TrialId>() else { return Ok(missing("There is no such trial.")) };
        let known = study.known()?;
        let has_weights = Reader::open(&study.dir).is_ok_and(|reader| reader.has_model(id));
        let page = known.report.trial(&study.name, &known.version, id, has_weights);
        Ok(page.map_or_else(|| missing("There is no such trial."), html))
    })
    .await
}

async fn file(State(shelf): Shared, Path((name, file)): Path<(String, String)>) -> Response {
    of_study(shelf, name, move |study| {
        let known = study.known()?;
        let (kind, text) = match file.as_str() {
            "trials.csv" => ("text/csv; charset=utf-8", observe::trials_csv(&known.report.overview().trials)),
            "epochs.csv" => ("text/csv; charset=utf-8", observe::epochs_csv(&known.report.overview().trials)),
            "report.html" => ("text/html; charset=utf-8", known.report.html()),
            "results.ron" => match results(study) {
                Some(text) => ("text/plain; charset=utf-8", text),
                None => {
                    return Ok(missing("There is no results.ron yet: it is written when the sweep ends."));
                }
            },
            _ => return Ok(missing("There is no such file.")),
        };
        Ok(download(&file, typed(kind, text)))
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "a file that the reader wants as it is")]
fn results(study: &Study) -> Option<String> {
    std::fs::read_to_string(study.dir.join("results.ron")).ok()
}

/// A file to keep. Its name has only plain characters: it is one of ours.
fn download(name: &str, mut response: Response) -> Response {
    if let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

async fn weights(State(shelf): Shared, Path((name, file)): Path<(String, String)>) -> Response {
    let Some(study) = shelf.study(&name) else { return missing("There is no such study.") };
    let id = file.strip_suffix(".safetensors").and_then(|name| name.parse::<TrialId>().ok());
    let path = id.and_then(|id| Some((id, Reader::open(&study.dir).ok()?.model_path(id))));
    let Some((id, path)) = path else { return missing("There are no such weights.") };
    match parts(path).await {
        Ok(body) => download(&format!("{id}.safetensors"), typed("application/octet-stream", body)),
        Err(_) => missing("There are no such weights: they were removed, or the study keeps none."),
    }
}

/// A file, a part at a time: weights may be larger than the memory.
async fn parts(path: PathBuf) -> std::io::Result<Body> {
    const PART: usize = 1 << 18;
    let file = tokio::fs::File::open(path).await?;
    let next = async |mut file: tokio::fs::File| {
        let mut part = vec![0; PART];
        match file.read(&mut part).await {
            Ok(0) => None,
            Ok(length) => {
                part.truncate(length);
                Some((Ok(Bytes::from(part)), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    };
    Ok(Body::from_stream(stream::unfold(file, next)))
}

async fn events(State(shelf): Shared, Path(name): Path<String>) -> Response {
    match shelf.study(&name) {
        Some(study) => changes(study.follow()).into_response(),
        None => missing("There is no such study."),
    }
}

async fn home_events(State(shelf): Shared) -> Response {
    changes(shelf.follow()).into_response()
}

/// An event for each version.
fn changes(receiver: watch::Receiver<String>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let next = async |mut receiver: watch::Receiver<String>| {
        receiver.changed().await.ok()?;
        let version = receiver.borrow_and_update().clone();
        Some((Ok(Event::default().event("changed").data(version)), receiver))
    };
    Sse::new(stream::unfold(receiver, next)).keep_alive(KeepAlive::default())
}
