//! Worker processes elsewhere as a workplace: orders that are published until they are reported, and reports
//! that are acknowledged once they are durable.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::message::Acker;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

use super::hall::Threads;
use super::lease::{self, Lease};
use super::link::{Link, tokio_timeout};
use super::listen::{Delivered, In, Reader, Silence, Waker, hear, read, wake};
use super::machines::{Change, Machines};
use super::names::{BEAT, LOST, Names, Stage};
use super::pace::Pace;
use super::server::Server;
use super::wire::{self, Hello, Lead, Member, Standing};
use crate::error::Result;
use crate::repository::{Shared, SharedFile};
use crate::work::{Desk, Order};

/// How long it is waited, at most, before it is looked at clocks again.
const TICK: Duration = Duration::from_millis(100);
/// How long a sweep that stops waits for the epochs under way on other machines.
const GRACE: Duration = Duration::from_secs(30);
/// How much is read at once.
pub(super) const BATCH: usize = 256;
/// What waits to be read.
const ROOM: usize = 4096;

/// An order that is out.
pub(super) struct Out {
    pub(super) order: Order,
    pub(super) published: Option<Instant>,
    /// When somebody was last heard to work on it.
    pub(super) worked_on: Option<Instant>,
    /// Who has worked on it.
    pub(super) by: Vec<Member>,
    /// How often it was published again since somebody was heard to work on it.
    pub(super) again: u32,
    /// Something of this stage may be on the server that is not this order.
    pub(super) replaces: bool,
    pub(super) blob: Option<String>,
}

/// A report that is to be acknowledged.
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) acker: Acker,
    pub(super) headers: Option<HeaderMap>,
    /// The file that its checkpoint was left in, unless that is the desk's.
    pub(super) file: Option<SharedFile>,
}

/// What drives a sweep's work on other machines.
pub(super) struct Driver<'a> {
    pub(super) link: Arc<Link>,
    pub(super) names: Names,
    pub(super) hello: Hello,
    /// The study's directory: large checkpoints may come from workers that an earlier coordinator told so,
    /// and they go through it if the `hello` has a beacon.
    pub(super) shared: Option<Shared>,
    /// Which study it is.
    pub(super) study: u32,
    pub(super) desk: &'a Arc<dyn Desk>,
    pub(super) machines: Machines,
    pub(super) out: HashMap<Stage, Out>,
    /// The stages that have counted, and who trained them.
    pub(super) counted: HashMap<Stage, (u32, Member)>,
    /// The stages that were left unfinished, whose orders may still be on the server.
    pub(super) left: HashSet<Stage>,
    pub(super) tickets: VecDeque<Ticket>,
    pub(super) pace: Pace,
    pub(super) tasks: Vec<AbortHandle>,
    pub(super) inbox: Receiver<In>,
    pub(super) outbox: Sender<In>,
    pub(super) connections: u64,
    /// Trials whose lives have ended, as far as workers were told.
    pub(super) told: usize,
    pub(super) beat: Instant,
    pub(super) again: Instant,
    /// The desk has no more orders.
    pub(super) is_over: bool,
    pub(super) blobs: u64,
    pub(super) waker: Arc<Waker>,
    pub(super) threads: Arc<Threads>,
    pub(super) delivered: Arc<Delivered>,
    pub(super) silence: Silence,
    /// The reports that were there at the beginning and are not read yet: what they are of need not be trained.
    pub(super) unread: u64,
    pub(super) started: Instant,
    /// Everything is there on the server, as far as is known.
    pub(super) is_set_up: bool,
    /// When an order was last left to the threads of this process.
    pub(super) reserved: Option<Instant>,
    /// When it was last tried to put right what is not there.
    pub(super) mended: Instant,
    /// When a worker last said that the server keeps nothing of what it sends, and why.
    pub(super) refused: Option<(Instant, String)>,
    /// When what the server has was last made anew for that.
    pub(super) healed: Option<Instant>,
    /// When the user was last told of it.
    pub(super) said: Option<Instant>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        link: Arc<Link>,
        names: Names,
        (hello, shared): (Hello, Option<Shared>),
        desk: &'a Arc<dyn Desk>,
        threads: Arc<Threads>,
    ) -> Driver<'a> {
        let (outbox, inbox) = channel(ROOM);
        let (now, connections) = (Instant::now(), link.connections());
        Driver {
            link,
            names,
            study: hello.print(),
            hello,
            shared,
            desk,
            machines: Machines::default(),
            out: HashMap::new(),
            counted: HashMap::new(),
            left: HashSet::new(),
            tickets: VecDeque::new(),
            pace: Pace::default(),
            tasks: Vec::new(),
            inbox,
            outbox,
            connections,
            told: 0,
            beat: now,
            again: now,
            is_over: false,
            blobs: 0,
            waker: Arc::default(),
            threads,
            delivered: Arc::default(),
            silence: Silence::default(),
            unread: 0,
            started: now,
            is_set_up: false,
            reserved: None,
            mended: now,
            refused: None,
            healed: None,
            said: None,
        }
    }

    pub(super) fn server(&self) -> Server<'_> {
        Server { link: &self.link, names: &self.names, study: self.study }
    }

    /// Works until the desk has no more orders, and all that are out are reported.
    pub(super) fn run(mut self) -> Result<()> {
        std::thread::scope(|scope| {
            let (waker, outbox, desk) = (self.waker.clone(), self.outbox.clone(), self.desk.clone());
            scope.spawn(move || wake(&waker, &*desk, &outbox));
            let worked = self.work();
            self.waker.end();
            self.desk.wake();
            self.tasks.drain(..).for_each(|task| task.abort());
            // those who would send wait for nobody any more
            self.inbox.close();
            worked
        })
    }

    fn work(&mut self) -> Result<()> {
        // before anybody can find this one
        let heard = self.link.wait(self.link.client.subscribe(self.names.here())).ok();
        let listening = hear((self.link.clone(), self.names.clone()), heard, self.outbox.clone());
        self.tasks.push(self.link.spawn(listening));
        let lease = self.link.wait(Lease::take(&self.link, &self.names, &self.hello))?;
        let (deposed, mut other) = channel(1);
        let me = self.link.me.clone();
        let keep = lease.keep(self.link.clone(), self.names.clone(), me, deposed);
        self.tasks.push(self.link.spawn(keep));
        if let Some(shared) = &self.shared {
            shared.tidy();
            // not before it is this one that leads: workers look for the beacon of the one who does
            if !self.hello.beacon.is_empty() {
                shared.announce(&self.hello.beacon)?;
            }
        }
        let waiting = self.link.wait(self.server().set_up(true));
        (self.is_set_up, self.unread, self.started) = (waiting.is_ok(), waiting.unwrap_or(0), Instant::now());
        let mut reading = self.start_reading();
        self.lead(Standing::Open);
        let mut stopping: Option<Instant> = None;
        loop {
            self.read_mail();
            self.acknowledge();
            if let Ok(other) = other.try_recv() {
                self.desk.fail(lease::taken(&other));
                return Ok(());
            }
            if self.connections != self.link.connections() {
                self.connections = self.link.connections();
                reading.abort();
                self.is_set_up = false;
                self.mend();
                reading = self.start_reading();
            }
            self.look_at_clocks();
            match (self.desk.stop().is_set(), stopping) {
                (false, _) => self.fetch(),
                (true, None) => {
                    stopping = Some(Instant::now());
                    self.stop();
                }
                (true, Some(since)) if self.out.is_empty() || since.elapsed() > GRACE => break,
                _ => {}
            }
            if self.is_over && self.out.is_empty() && !self.desk.stop().is_set() {
                break;
            }
        }
        self.end(stopping.is_some());
        reading.abort();
        Ok(())
    }

    fn start_reading(&mut self) -> AbortHandle {
        let reader = Reader {
            link: self.link.clone(),
            names: self.names.clone(),
            study: self.study,
            desk: self.desk.clone(),
            shared: self.shared.clone(),
            delivered: self.delivered.clone(),
        };
        let task = read(reader, self.outbox.clone());
        let task = self.link.spawn(task);
        self.tasks.push(task.clone());
        task
    }

    /// Reads what has come, and waits for some if there is nothing.
    fn read_mail(&mut self) {
        let mut mail = Vec::new();
        self.link.wait(tokio_timeout(TICK, self.inbox.recv_many(&mut mail, BATCH)));
        for piece in mail {
            match piece {
                In::Here(here) => self.here(here),
                In::Report(letter) => self.report(*letter),
                In::Missing(stages) => self.missing(&stages),
                In::News => {}
            }
        }
    }

    fn here(&mut self, here: wire::Here) {
        if let Some(why) = &here.refused {
            self.refused = Some((Instant::now(), why.clone()));
        }
        for doing in &here.doing {
            if let Some(out) = self.out.get_mut(&(doing.trial, doing.stage)) {
                (out.worked_on, out.again) = (Some(Instant::now()), 0);
                if !out.by.contains(&here.from) {
                    out.by.push(here.from.clone());
                }
            }
        }
        if let Some(change) = self.machines.hear(&here) {
            self.tell(&here.from, &change);
        }
    }

    fn tell(&mut self, member: &Member, change: &Change) {
        let (machine, became) = (self.machines.known(member), change.into());
        self.desk.machine(&machine, became);
        self.desk.note(match change {
            Change::Joined(slots) => format!("{member} joined with {slots} slots"),
            Change::Left => format!("{member} left"),
            Change::Lost(silence) => {
                format!(
                    "{member} was not heard from for {:.0} s; what it trains is trained elsewhere",
                    silence.as_secs_f64()
                )
            }
        });
    }

    fn look_at_clocks(&mut self) {
        if self.beat.elapsed() >= BEAT {
            self.beat = Instant::now();
            let standing = if self.desk.stop().is_set() { self.stopping() } else { Standing::Open };
            self.lead(standing);
            self.show();
        }
        // not only at beats: those who look on should know soon
        let lost = self.machines.lost();
        if !lost.is_empty() {
            lost.iter().for_each(|(member, change)| self.tell(member, change));
            self.show();
        }
        self.look_after_orders();
    }

    /// Shows who is here.
    fn show(&mut self) {
        if !self.machines.is_empty() {
            self.desk.machines(self.machines.here());
        }
    }

    /// Says how things stand.
    fn lead(&mut self, standing: Standing) {
        let mut ended = Vec::new();
        self.desk.ended(self.told, &mut ended);
        self.told += ended.len();
        let lead = Lead { from: self.link.me.clone(), standing, ended };
        if let Ok((headers, content)) = wire::encode(&lead, &[]) {
            let subject = self.names.lead();
            let _ = self.link.wait(self.link.client.publish_with_headers(subject, headers, content.into()));
        }
    }

    fn stopping(&self) -> Standing {
        if self.desk.has_failed() { Standing::Failing } else { Standing::Stopping }
    }

    /// The sweep stops: nothing more is begun.
    fn stop(&mut self) {
        self.link.wait(self.server().withdraw_all());
        self.lead(self.stopping());
        // what nobody has begun, nobody reports
        self.out.retain(|_, out| out.worked_on.is_some_and(|when| when.elapsed() <= LOST));
    }

    /// Says that it is over, and removes what is on the server.
    fn end(&mut self, was_stopped: bool) {
        let until = Instant::now() + Duration::from_secs(5);
        self.waker.want(true);
        while !self.tickets.is_empty() && Instant::now() < until {
            self.read_mail();
            self.acknowledge();
        }
        let standing = if self.desk.has_failed() { Standing::Failed } else { Standing::Over };
        self.lead(standing);
        self.link.wait(async {
            lease::leave(&self.link, &self.names, &self.hello, standing).await;
            if !was_stopped && self.tickets.is_empty() {
                self.server().remove().await;
                self.shared.iter().for_each(Shared::clear);
            }
            let _ = tokio_timeout(BEAT, self.link.client.flush()).await;
        });
    }
}
