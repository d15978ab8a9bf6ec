//! A worker process: finds the coordinator, pulls orders for its free slots, says that it is there, and
//! leaves in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::kv;
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::{AckKind, Message};
use async_nats::{HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::task::AbortHandle;

use super::blobs;
use super::branch::{Branch, Checkpoint};
use super::hello::{Build, build, compare};
use super::link::{Link, tokio_timeout};
use super::names::{BEAT, LEADER, Names, RENEWAL};
use super::server::find_consumer;
use super::settings::Nats;
use super::unpack::Unpacking;
use super::wire::{self, Hello, Lead, OrderNote, Standing};
use crate::error::{Error, ExitWith, Result};
use crate::objective::History;
use crate::repository::{End, Kept, Shared, StageRecord, StudyRecord, Timestamp};
use crate::work::{Desk, Order, Workplace};

/// How long a pull waits for orders.
const PULL: Duration = Duration::from_secs(10);
/// How long it may take to say that an order is none of this study.
const REFUSAL: Duration = Duration::from_secs(2);
/// How long after it failed something is tried again.
const RETRY: Duration = Duration::from_millis(300);
/// How often it is looked whether there is a coordinator, besides whenever one speaks.
const LOOK: Duration = Duration::from_secs(1);

/// How a worker's work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// The sweep is over.
    Done,
    /// It was told to leave.
    Left,
}

/// A worker process.
pub(crate) struct Station<'a> {
    pub(crate) nats: &'a Nats,
    pub(crate) study: &'a StudyRecord,
    /// What this process computes with.
    pub(crate) numerics: &'a str,
    pub(crate) slots: usize,
    /// Tells the user something.
    pub(crate) tell: &'a dyn Fn(&str),
}

/// What tasks on the connection's thread share.
struct Post {
    branch: Arc<Branch>,
    nats: Nats,
    study: StudyRecord,
    build: Build,
}

impl Station<'_> {
    /// Serves until the sweep is over. `pool` is where orders are trained; `watch` is given what makes it
    /// leave.
    ///
    /// # Errors
    /// There is no coordinator, or it has another study; or a worker cannot work.
    pub(crate) fn serve(
        &self,
        link: &Arc<Link>,
        mut pool: Box<dyn Workplace>,
        watch: impl FnOnce(Box<dyn Fn() + Send>),
    ) -> Result<Served> {
        let names = Names::new(&self.nats.study);
        let build = build(self.numerics);
        let (hello, shared) = loop {
            let hello = self.find(link, &names)?;
            if hello.standing.is_over() {
                return Ok(Served::Done);
            }
            if let Some(error) = compare(&hello, self.study, &build, self.nats) {
                return Err(error);
            }
            match hello.shared() {
                Ok(shared) => break (hello, shared),
                // another coordinator may have come meanwhile, and have put up its own beacon
                Err(error) if link.wait(is_leading(link, &names, &hello)) => return Err(error),
                Err(_) => {}
            }
        };
        (self.tell)(&format!("{} slots for the sweep of {}", self.slots, hello.from));
        let place = (link.clone(), names);
        let branch = Branch::new(place, hello.terms.clone(), hello.print(), self.slots, shared);
        let leaving = branch.clone();
        watch(Box::new(move || leaving.leave()));
        let post = Arc::new(Post {
            branch: branch.clone(),
            nats: self.nats.clone(),
            study: self.study.clone(),
            build,
        });
        let tasks = [
            link.spawn(pulls(post.clone())),
            link.spawn(beats(post.clone())),
            link.spawn(hear(post.clone(), hello)),
        ];
        let worked = pool.run(branch.clone());
        branch.leave();
        drop(pool);
        branch.hand_back();
        tasks.iter().for_each(AbortHandle::abort);
        link.wait(say_goodbye(&branch));
        worked?;
        match branch.failure() {
            Some(error) => Err(error),
            None if branch.is_over() || branch.is_told_to_stop() => Ok(Served::Done),
            None => Ok(Served::Left),
        }
    }

    /// The sweep's coordinator, as soon as there is one.
    fn find(&self, link: &Link, names: &Names) -> Result<Hello> {
        let (start, mut said) = (Instant::now(), Instant::now());
        let mut leads = link.wait(link.client.subscribe(names.lead())).ok();
        loop {
            // one that was ended by an error may be started again
            if let Some(Ok(hello)) = link.wait(leader(link, names))
                && !hello.standing.is_by_error()
            {
                return Ok(hello);
            }
            let left = self.nats.wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                let text = format!(
                    "no coordinator of the study `{}` has come to the NATS server at {} for {:.0} s (HOBBIT_WAIT says how long): is the \
                     program running with this server and without HOBBIT_ROLE=worker?",
                    self.nats.study,
                    self.nats.address(),
                    self.nats.wait.as_secs_f64()
                );
                return Err(Error::study(text).with_source(ExitWith::new(4)));
            }
            if said.elapsed() >= Duration::from_secs(10) {
                said = Instant::now();
                (self.tell)("waiting for the coordinator");
            }
            link.wait(tokio_timeout(LOOK.min(left), next(&mut leads)));
        }
    }
}

/// Waits until a coordinator speaks.
async fn next(leads: &mut Option<Subscriber>) {
    let spoken = match leads {
        Some(leads) => leads.next().await,
        None => None,
    };
    if spoken.is_none() {
        // nothing can be heard
        std::future::pending().await
    }
}

/// The directory through which checkpoints go with this coordinator, if they do.
async fn find_shared(hello: Hello) -> Result<Option<Shared>> {
    let found = tokio::task::spawn_blocking(move || hello.shared()).await;
    found.unwrap_or_else(|error| Err(Error::study(error.to_string())))
}

/// What the coordinator says of itself: nothing if there is none, or the server does not answer.
async fn leader(link: &Link, names: &Names) -> Option<Result<Hello, String>> {
    let live: kv::Store = link.js.get_key_value(names.live()).await.ok()?;
    let value = live.get(LEADER).await.ok()??;
    Some(wire::parse(&value))
}

/// Whether a coordinator is the one who leads, as far as is known.
async fn is_leading(link: &Link, names: &Names, hello: &Hello) -> bool {
    matches!(leader(link, names).await, Some(Ok(now)) if now.from == hello.from)
}

async fn say_goodbye(branch: &Branch) {
    let (mut here, _) = branch.here();
    here.leaves = true;
    here.doing.clear();
    if let Ok((headers, content)) = wire::encode(&here, &[]) {
        let _ = branch.link.client.publish_with_headers(branch.names.here(), headers, content.into()).await;
        let _ = tokio_timeout(Duration::from_secs(1), branch.link.client.flush()).await;
    }
}

/// Pulls orders whenever there is room for some.
async fn pulls(post: Arc<Post>) {
    let branch = &post.branch;
    let mut consumer: Option<Consumer<pull::Config>> = None;
    let mut connections = branch.link.connections();
    let mut open: Vec<AbortHandle> = Vec::new();
    while !branch.is_leaving() {
        if branch.link.connections() != connections {
            // pulls from before do not notice that the server was away
            connections = branch.link.connections();
            open.drain(..).for_each(|pull| pull.abort());
            consumer = None;
        }
        open.retain(|pull| !pull.is_finished());
        if consumer.is_none() {
            consumer = find_consumer(&branch.link, branch.names.orders()).await.ok();
        }
        if let Some(found) = &consumer {
            let room = branch.ask();
            if room > 0 {
                let asked = Asked { branch: branch.clone(), left: room };
                let pulled = pull(post.clone(), found.clone(), asked);
                open.push(tokio::spawn(pulled).abort_handle());
            }
        }
        let wait = if consumer.is_some() { Duration::from_millis(500) } else { RETRY };
        let _ = tokio_timeout(wait, branch.room.notified()).await;
        if branch.lost_consumer() {
            consumer = None;
        }
    }
    open.drain(..).for_each(|pull| pull.abort());
}

/// Orders that were asked for, and have not come.
struct Asked {
    branch: Arc<Branch>,
    left: usize,
}

impl Asked {
    fn came(&mut self) {
        self.left -= 1;
        self.branch.answered(1);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.branch.answered(self.left);
        self.branch.room.notify_one();
    }
}

/// Pulls as many orders as were asked for.
async fn pull(post: Arc<Post>, consumer: Consumer<pull::Config>, mut asked: Asked) {
    // without heartbeats: in async-nats 0.51, nobody is woken up for what comes after one. That the server
    // was away is known by the connection
    let batch = consumer.batch().max_messages(asked.left).expires(PULL);
    let failed = async {
        let Ok(mut messages) = batch.messages().await else { return true };
        while let Some(message) = messages.next().await {
            let Ok(message) = message else { return true };
            receive(&post, message).await;
            if asked.left > 0 {
                asked.came();
            }
        }
        false
    };
    if failed.await {
        // the server is away or was wiped
        post.branch.lose_consumer();
        tokio::time::sleep(RETRY).await;
    }
}

/// Takes an order in, unless it is none of this study.
async fn receive(post: &Post, message: Message) {
    let branch = &post.branch;
    let delivered = message.info().map_or(1, |info| info.delivered);
    let (message, acker) = message.split();
    match unpack(branch, message.headers.as_ref(), message.payload, &acker).await {
        Ok(Some((order, checkpoint))) => {
            if delivered > i64::from(post.nats.give_up_after) {
                let record = Arc::new(given_up(&order, delivered - 1));
                branch.refuse(&order, &acker, record).await;
            } else {
                branch.receive(order, acker, checkpoint);
            }
        }
        // whoever runs the sweep publishes it again, if it is still wanted
        other => {
            if let Err(why) = other {
                branch.note(format!("an order could not be read ({why})"));
            }
            drop(tokio_timeout(REFUSAL, acker.ack()).await);
        }
    }
}

/// An order with its checkpoint; nothing if it is of another study.
async fn unpack(
    branch: &Branch,
    headers: Option<&HeaderMap>,
    payload: Bytes,
    acker: &Acker,
) -> std::result::Result<Option<(Order, Checkpoint)>, String> {
    let (note, checkpoint) = match blobs::named(headers)? {
        Some(blob) => {
            let to = Unpacking::<OrderNote>::new(headers, &blob, None)?;
            let (note, saved) = blobs::unwrap(&branch.link.js, &branch.names, (blob, acker), to).await?;
            let checkpoint = match saved {
                Ok(Some(Kept::Model(model))) => Checkpoint::Model(model),
                Ok(_) => match blobs::file(headers)? {
                    Some(file) => Checkpoint::Shared(file),
                    None => Checkpoint::Bytes(Bytes::new()),
                },
                Err(why) => Checkpoint::Broken(why),
            };
            (note, checkpoint)
        }
        None => {
            let (note, behind) = OrderNote::read(headers, &payload)?;
            let checkpoint = match blobs::file(headers)? {
                Some(file) => Checkpoint::Shared(file),
                None => Checkpoint::Bytes(payload.slice_ref(behind)),
            };
            (note, checkpoint)
        }
    };
    Ok(branch.is_of(note.study).then_some((note.order, checkpoint)))
}

/// The outcome of a stage whose workers were all lost.
fn given_up(order: &Order, workers: i64) -> StageRecord {
    let assignment = order.assignment;
    let reason = match workers {
        1 => "the worker that began it was lost with it (`give_up_after`)".to_owned(),
        _ => format!("{workers} workers were lost with it, one after the other (`give_up_after`)"),
    };
    StageRecord {
        time: Timestamp::now(),
        trial: assignment.trial,
        stage: assignment.stage,
        from: assignment.from,
        to: assignment.to,
        end: End::Failed { epoch: assignment.from + 1, reason },
        score: None,
        attempt: order.attempt,
        worker: 0,
        machine: 0,
        seconds: 0.0,
        history: History::default(),
    }
}

/// Says that this process is there, and that it works on what it has.
async fn beats(post: Arc<Post>) {
    let branch = &post.branch;
    loop {
        let (here, ackers) = branch.here();
        if let Ok((headers, content)) = wire::encode(&here, &[]) {
            let _ =
                branch.link.client.publish_with_headers(branch.names.here(), headers, content.into()).await;
        }
        for acker in ackers {
            let _ = acker.ack_with(AckKind::Progress).await;
        }
        // what was begun is told soon, so that it is known who had it should this process end now
        tokio::time::sleep(BEAT / 10).await;
        let _ = tokio_timeout(BEAT, branch.beat.notified()).await;
    }
}

/// The coordinator says how things stand; with an error there, this process ends with one, too.
fn stand(post: &Post, standing: Standing) {
    if standing.is_by_error() {
        let text = format!(
            "the sweep of the study `{}` was ended by an error, which its coordinator tells: once it is started again, workers can \
             go on with it",
            post.nats.study
        );
        post.branch.fail(Error::study(text).with_source(ExitWith::new(4)));
    }
    post.branch.stand(standing);
}

/// Hears of how the sweep stands.
async fn hear(post: Arc<Post>, mut hello: Hello) {
    let branch = &post.branch;
    let mut heard = Instant::now();
    loop {
        let Ok(mut leads) = branch.link.client.subscribe(branch.names.lead()).await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let mut is_first = true;
        loop {
            match tokio_timeout(RENEWAL, leads.next()).await {
                Some(None) => break,
                Some(Some(message)) => {
                    let decoded = wire::decode::<Lead>(message.headers.as_ref(), &message.payload);
                    let Ok((lead, _)) = decoded else { continue };
                    heard = Instant::now();
                    branch.add_ended(&lead.ended);
                    stand(&post, lead.standing);
                    if std::mem::take(&mut is_first) {
                        // what orders are pulled from may only be there since it speaks
                        branch.room.notify_one();
                    }
                    if lead.from == hello.from {
                        continue;
                    }
                }
                None => {}
            }
            // there may be another one, or the end was not heard of
            if let Some(Ok(now)) = leader(&branch.link, &branch.names).await {
                heard = Instant::now();
                stand(&post, now.standing);
                if now.from != hello.from && !now.standing.is_over() {
                    if let Some(error) = compare(&now, &post.study, &post.build, &post.nats) {
                        branch.give_up(error);
                    }
                    branch.beat.notify_one();
                    match find_shared(now.clone()).await {
                        Ok(shared) => branch.share(shared),
                        Err(error) if is_leading(&branch.link, &branch.names, &now).await => {
                            branch.give_up(error);
                        }
                        // the next one is looked at then
                        Err(_) => continue,
                    }
                }
                hello = now;
            }
            if heard.elapsed() > post.nats.wait {
                let text = format!(
                    "nothing was heard from the coordinator for {:.0} s (HOBBIT_WAIT says how long)",
                    post.nats.wait.as_secs_f64()
                );
                branch.give_up(Error::study(text).with_source(ExitWith::new(4)));
                return;
            }
        }
    }
}
