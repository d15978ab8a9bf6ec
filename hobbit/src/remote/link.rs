//! The connection to the server: a thread of its own on which everything of it happens, connected again
//! whenever it breaks, and errors told apart that no waiting cures.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::refusals::{Kept, Refusals};
use super::settings::Nats;
use super::wire::Member;
use crate::error::{BoxError, Error, ExitWith, Result};

/// How often the other end is asked whether it is there: a link that is frozen is noticed within three times
/// this.
const PING: Duration = Duration::from_secs(2);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// What is said of a message where there was no answer in time.
pub(super) const SLOW: &str = "it took too long";
/// How often it is tried to connect, at first.
const RETRY: Duration = Duration::from_millis(500);
/// How often the user is told that it is waited for.
const SAID: Duration = Duration::from_secs(10);

/// The exit code of a program whose server is not there, or cannot be used.
const UNUSABLE: u8 = 4;

/// The oldest server that has everything that is used.
const OLDEST: (i64, i64, i64) = (2, 10, 23);

/// A connection to the server.
pub(crate) struct Link {
    handle: Handle,
    pub(super) client: Client,
    pub(super) js: Context,
    pub(super) me: Member,
    /// How often it was connected.
    connected: Arc<AtomicU64>,
    refusals: Mutex<Refusals>,
    /// Ends the thread, as long as it runs.
    thread: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Link {
    /// Connects to the server, and waits for it as long as is asked for.
    ///
    /// # Errors
    /// There is no server, it refuses this process, or it is not one that can be used.
    pub(crate) fn connect(nats: &Nats, tell: &dyn Fn(&str)) -> Result<Link> {
        nats.check()?;
        let broken = |error: std::io::Error| {
            Error::study(format!("could not start the thread of the connection: {error}")).with_source(error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("hobbit-nats".to_owned()).spawn(move || {
            // whichever way it ends
            let _ = runtime.block_on(ended);
            runtime.shutdown_timeout(Duration::from_millis(100));
        });
        let thread = thread.map_err(broken)?;
        let connected = Arc::new(AtomicU64::new(0));
        let opened = open(nats, &handle, &connected, tell);
        let client = match opened {
            Ok(client) => client,
            Err(error) => {
                drop(end);
                let _ = thread.join();
                return Err(error);
            }
        };
        let js = {
            let _within = handle.enter();
            let mut js = jetstream::new(client.clone());
            js.set_timeout(ANSWER);
            js
        };
        let host = sysinfo::System::host_name().unwrap_or_else(|| "unknown".to_owned());
        let nonce = super::wire::print(&format!("{:?}", std::time::SystemTime::now()));
        let me = Member { host, pid: std::process::id(), nonce };
        let (refusals, thread) = (Mutex::default(), Mutex::new(Some((end, thread))));
        let link = Link { handle, client, js, me, connected, refusals, thread };
        // the first connection is told of a moment later, and must not be taken for another one
        let begin = Instant::now();
        while link.connections() == 0 && begin.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(1));
        }
        link.look_at_server(nats)?;
        Ok(link)
    }

    /// Waits for something that needs the connection.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Lets something happen on the connection's thread.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.handle.spawn(future).abort_handle()
    }

    /// Sends what is on its way, and ends the connection and all that happens on its thread.
    pub(crate) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((end, thread)) = thread {
            let _ = self.wait(tokio_timeout(Duration::from_secs(1), self.client.flush()));
            drop(end);
            let _ = thread.join();
        }
    }

    /// Whether it is connected.
    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Takes note of whether the server has kept something.
    pub(super) fn note<T>(&self, kept: Kept, sent: &Result<T, String>) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Ok(_) => refusals.end(kept),
            Err(why) if self.is_connected() => refusals.add(kept, why, Instant::now()),
            Err(_) => {}
        }
    }

    /// What the server has is made anew: that it did not keep something before says nothing any more.
    pub(super) fn forget_refusals(&self) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).forget();
    }

    /// Why the server keeps nothing that is sent, if it has not for some time.
    pub(super) fn refusal(&self) -> Option<String> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.lasting(Instant::now()).map(str::to_owned)
    }

    /// How often it was connected.
    pub(super) fn connections(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    /// # Errors
    /// The server is too old, or has no JetStream.
    fn look_at_server(&self, nats: &Nats) -> Result<()> {
        let (major, minor, patch) = OLDEST;
        let version = self.client.server_info().version;
        if !self.client.is_server_compatible(major, minor, patch) {
            return Err(Error::setting(format!(
                "the NATS server at {} is of version {version}, which is too old: {major}.{minor}.{patch} or later is needed",
                nats.address()
            ))
            .with_source(ExitWith::new(UNUSABLE)));
        }
        match self.wait(self.js.query_account()) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!(
                    "the NATS server at {} has no JetStream for this process ({error}): start it with `-js`, and enable JetStream for \
                     the account",
                    nats.address()
                );
                Err(Error::setting(text).with_source(ExitWith::because(UNUSABLE, error)))
            }
        }
    }
}

/// Waits no longer than this; `None` if it takes longer.
pub(super) async fn tokio_timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

/// Tries to connect until it succeeds, or nothing is to be hoped for.
fn open(nats: &Nats, handle: &Handle, connected: &Arc<AtomicU64>, tell: &dyn Fn(&str)) -> Result<Client> {
    let server = nats.server.clone().unwrap_or_default();
    let servers: Vec<String> = server.split(',').map(|server| server.trim().to_owned()).collect();
    let (start, mut said) = (Instant::now(), Instant::now());
    loop {
        let attempt = handle.block_on(async {
            options(nats, connected).await?.connect(&servers[..]).await.map_err(Failed::of)
        });
        let failed = match attempt {
            Ok(client) => return Ok(client),
            Err(failed) => failed,
        };
        let why = failed.in_words(nats);
        if failed.is_final || start.elapsed() >= nats.wait {
            let late = if failed.is_final {
                String::new()
            } else {
                format!(", for {:.0} s (HOBBIT_WAIT says how long)", nats.wait.as_secs_f64())
            };
            let source = ExitWith::because(UNUSABLE, failed.error);
            return Err(Error::setting(format!("{why}{late}")).with_source(source));
        }
        if said.elapsed() >= SAID {
            said = Instant::now();
            tell(&format!("{why}; waiting for it"));
        }
        std::thread::sleep(RETRY.min(nats.wait));
    }
}

/// How long it is waited before it is tried to connect once more, after so many attempts, with this one.
fn pause(attempts: usize) -> Duration {
    match attempts {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(100 << attempts.min(4)).min(Duration::from_secs(1)),
    }
}

/// How to connect.
async fn options(nats: &Nats, connected: &Arc<AtomicU64>) -> Result<ConnectOptions, Failed> {
    let counter = connected.clone();
    let mut options = ConnectOptions::new()
        .name("hobbit")
        .ping_interval(PING)
        .request_timeout(Some(ANSWER))
        .connection_timeout(Duration::from_secs(2))
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            if matches!(event, Event::Connected) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            std::future::ready(())
        });
    if let Some(token) = &nats.token {
        options = options.token(token.clone());
    }
    if let Some(seed) = &nats.nkey {
        options = options.nkey(seed.clone());
    }
    if let Some(file) = &nats.credentials {
        options = options.credentials_file(file).await.map_err(|error| {
            Failed::file(format!("could not read the credentials {}: {error}", file.display()), error)
        })?;
    }
    if let Some(file) = &nats.ca {
        if !file.is_file() {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Failed::file(format!("there is no file of certificates {}", file.display()), error));
        }
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &nats.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

/// Why there is no connection.
struct Failed {
    said: Option<String>,
    cure: &'static str,
    is_final: bool,
    error: BoxError,
}

impl Failed {
    fn file(said: String, error: std::io::Error) -> Failed {
        Failed { said: Some(said), cure: "", is_final: true, error: error.into() }
    }

    fn of(error: async_nats::ConnectError) -> Failed {
        // an unknown certificate is told of as an error of reading
        let is_tls = error.kind() == ConnectErrorKind::Tls || names_tls(&error);
        let (cure, is_final) = match error.kind() {
            _ if is_tls => (
                "the certificates do not fit: HOBBIT_NATS_CA (`.ca()`) is the file of those to trust, and the name in the address has to \
                 be the one in the server's",
                true,
            ),
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => (
                "it refuses this process's credentials: see HOBBIT_NATS_TOKEN, HOBBIT_NATS_NKEY or HOBBIT_NATS_CREDS (`.token()`, `.nkey()`, \
                 `.credentials()`)",
                true,
            ),
            ConnectErrorKind::ServerParse => {
                ("the address has to be like nats://head:4222 or tls://head:4222", true)
            }
            _ => ("is it running, as with `nats-server -js`, and does this machine reach it?", false),
        };
        Failed { said: None, cure, is_final, error: error.into() }
    }

    fn in_words(&self, nats: &Nats) -> String {
        match &self.said {
            Some(said) => said.clone(),
            None => format!(
                "could not connect to the NATS server at {}: {} ({})",
                nats.address(),
                self.error,
                self.cure
            ),
        }
    }
}

/// Whether certificates are at the bottom of it.
fn names_tls(error: &(dyn StdError + 'static)) -> bool {
    let text = error.to_string();
    ["certificate", "tls", "TLS", "InvalidContentType"].iter().any(|word| text.contains(word))
        || error.source().is_some_and(names_tls)
}
