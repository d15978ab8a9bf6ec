//! Where stages of trials run: the desk that hands out orders and takes reports, and the workplaces that work
//! for it.
//!
//! A sweep has one [`Desk`], which decides everything, and knows workers by their names only; it is where
//! outcomes become durable and count. A [`Workplace`] is where stages are trained.
//! [`LocalPool`](crate::LocalPool) is one: the threads of a process. Live models never leave a workplace; the
//! desk knows only checkpoints.
//!
//! What goes between the two is plain data: [`Order`]s and [`Report`]s, which can be serialized, so that a
//! workplace can be on other machines. One that is runs a `LocalPool` on each of them, with a desk of its own
//! that passes everything on to the sweep's. Whatever happens on the way is harmless: of the reports of a
//! stage the first one counts, any other is ignored, and an order that was lost is [given
//! back](Desk::give_back) and becomes available again. Because everything random follows from an order's key,
//! whoever trains it comes to the same result.

mod order;
mod report;
mod stand_in;

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use order::{CheckpointId, Configuration, Order, Scored, Terms, Unusual, WorkerId};
pub use report::{Beginning, Delivery, EpochNews, Report};
pub(crate) use stand_in::StandIn;

use crate::error::{Error, Result};
use crate::repository::{Arrived, Incoming, Machine, MachineChange, OpenFile, SavedModel, StopReason};
use crate::trial::TrialId;

/// What a [`Desk`] says when it is asked for orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// There are some.
    Orders,
    /// There are none before something happens: [`Desk::wait`].
    Wait,
    /// There will be none any more: everything is trained, or the sweep stops.
    Over,
}

/// Whether a sweep is stopping. Workers look at it after each epoch.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Creates the flag of a sweep that is not stopping.
    pub const fn new() -> Stop {
        Stop(AtomicBool::new(false))
    }

    /// Says that the sweep is stopping from now on.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the sweep is stopping.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A sweep as a workplace sees it.
///
/// All methods may be called from any thread at any time. A desk that is a stand-in for one elsewhere passes
/// every call on, and sets its own [`Stop`] as soon as it hears of that one's.
pub trait Desk: Send + Sync {
    /// The sweep's settings that workers have to know.
    fn terms(&self) -> &Terms;

    /// Whether the sweep is stopping: workers leave what they are doing after the epoch under way, and report
    /// it as [unfinished](Report::unfinished).
    fn stop(&self) -> &Stop;

    /// Adds at most `most` orders. Workers whose stages are very short ask for more than one.
    fn take(&self, worker: WorkerId, most: usize, orders: &mut Vec<Order>) -> Taken;

    /// A worker begins a stage. Called where the [terms](Terms::announces) ask for it, before anything of the
    /// stage is trained.
    ///
    /// # Errors
    /// It could not be written down; the stage must not be trained.
    fn begin(&self, worker: WorkerId, beginning: Beginning) -> Result<()>;

    /// An epoch has ended. Called where the [terms](Terms::watches_epochs) ask for it.
    fn epoch(&self, worker: WorkerId, news: EpochNews<'_>);

    /// Takes what came of orders. Of a stage, the first report counts; later ones, and those of a stage that
    /// nobody was asked to train, are ignored. Returns when there is room for more.
    fn hand_in(&self, worker: WorkerId, reports: &mut Vec<Report>);

    /// Takes what came of an order that an earlier process of this sweep gave. If the stage is out, it counts
    /// as if this process had ordered it. If nobody has asked for it yet, it is kept, durably, and counts as
    /// soon as the stage has its turn. Returns whether it is either; if not, the stage's outcome is known.
    fn hand_in_early(&self, worker: WorkerId, beginning: Beginning, report: Report) -> bool {
        let _ = (worker, beginning, report);
        false
    }

    /// A place for a large checkpoint that comes from elsewhere, of this many bytes: they are written to a
    /// file as they come, which is [handed in](Desk::hand_in_delivery) instead of a model. `None` if the desk
    /// has no such place; then the model goes with the report.
    ///
    /// # Errors
    /// In words, why it cannot be made.
    fn incoming(&self, trial: TrialId, bytes: u64) -> Result<Option<Incoming>, String> {
        let _ = (trial, bytes);
        Ok(None)
    }

    /// Takes what came of an order as [`hand_in`](Desk::hand_in) does, or with its beginning as
    /// [`hand_in_early`](Desk::hand_in_early), where its checkpoint is in a file. Returns what that returns,
    /// or `true`.
    fn hand_in_delivery(
        &self,
        worker: WorkerId,
        early: Option<Beginning>,
        Delivery { mut report, file }: Delivery,
    ) -> bool {
        if let Some(file) = file {
            match file.model() {
                Ok(model) => report.model = Some(Box::new(model)),
                Err(why) => self.note(why),
            }
        }
        match early {
            Some(beginning) => self.hand_in_early(worker, beginning, report),
            None => {
                self.hand_in(worker, &mut vec![report]);
                true
            }
        }
    }

    /// How many outcomes were handed in so far, and how many of them, in the order in which they were, count
    /// and are durable if the sweep has a repository. Whoever has to keep an outcome until it is safe
    /// compares the first number, asked for after it was handed in, with the second.
    fn receipt(&self) -> (u64, u64) {
        (0, u64::from(self.is_settled()))
    }

    /// Makes an order available again that nobody works on any more, because its worker was lost for example.
    /// It has no effect if somebody has reported on it meanwhile. The user is told why, unless that is empty.
    fn give_back(&self, order: Order, why: &str);

    /// Takes a trial's state within a stage, to be kept as its checkpoint.
    fn save(&self, model: Box<SavedModel>);

    /// Takes a trial's state within a stage, to be kept as its checkpoint, as a file.
    fn save_file(&self, file: Arrived) {
        match file.model() {
            Ok(model) => self.save(Box::new(model)),
            Err(why) => self.note(why),
        }
    }

    /// Reads a checkpoint; `None` if there is none any more.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    fn load(&self, checkpoint: CheckpointId) -> Result<Option<Box<SavedModel>>, String>;

    /// Reads a checkpoint as the [bytes](SavedModel::to_bytes) of its file, to be passed on: whether they are
    /// whole is found out by whoever makes a model of them. `None` if there is none any more.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    fn load_bytes(&self, checkpoint: CheckpointId) -> Result<Option<Vec<u8>>, String> {
        self.load(checkpoint)?.map(|model| model.to_bytes()).transpose()
    }

    /// Opens a checkpoint's file to be passed on piece by piece, with its length: as
    /// [`load_bytes`](Desk::load_bytes), without having all of it in memory.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    fn open(&self, checkpoint: CheckpointId) -> Result<Option<OpenFile>, String> {
        let Some(bytes) = self.load_bytes(checkpoint)? else { return Ok(None) };
        let length = bytes.len() as u64;
        Ok(Some((Box::new(Cursor::new(bytes)), length)))
    }

    /// A checkpoint of an order is not needed: whoever begins its stage has the trial in memory. A desk that
    /// keeps checkpoints with their orders releases it.
    fn forget(&self, checkpoint: CheckpointId) {
        let _ = checkpoint;
    }

    /// Tells the user something.
    fn note(&self, text: String);

    /// A machine of the workplace has joined, left or was lost. It is recorded, for anyone who watches.
    fn machine(&self, machine: &Machine, change: MachineChange) {
        let _ = (machine, change);
    }

    /// Shows what the machines of the workplace are doing, to anyone who watches. Called every now and then.
    fn machines(&self, machines: Vec<Machine>) {
        let _ = machines;
    }

    /// Ends the sweep with an error.
    fn fail(&self, error: Error);

    /// Whether the sweep ends with an error, so that machines elsewhere can be told.
    fn has_failed(&self) -> bool {
        false
    }

    /// Ends the sweep in order, after the epochs under way; it can be continued. A desk that is a stand-in
    /// for one elsewhere passes this on; others need not do anything.
    fn end(&self, reason: StopReason) {
        let _ = reason;
    }

    /// How much has happened: a number that grows with everything that workers may wait for.
    fn news(&self) -> u64;

    /// Waits until more has happened than this, or the sweep is over.
    fn wait(&self, since: u64);

    /// Lets those who wait look again, because something happened within their workplace.
    fn wake(&self);

    /// Whether everything that was handed in counts, and is durable if the sweep has a repository.
    fn is_settled(&self) -> bool;

    /// Whether others keep the desk busy at this moment, so that a worker that holds more orders may hand in
    /// later.
    fn is_busy(&self) -> bool {
        false
    }

    /// Adds the [places](Order::ordinal) of the trials whose lives have ended, but for the first `known` of
    /// them, in the order in which they ended. A workplace releases what it keeps of them.
    fn ended(&self, known: usize, places: &mut Vec<u64>);
}

/// Where stages of trials are trained.
///
/// ```
/// use std::sync::Arc;
/// use hobbit::work::{Desk, Workplace};
/// use hobbit::{LocalPool, Objective, Result};
///
/// /// Trains as usual, and says so.
/// struct Talkative<O: Objective>(LocalPool<O>);
///
/// impl<O: Objective> Workplace for Talkative<O> {
///     fn width(&self) -> usize {
///         self.0.width()
///     }
///
///     fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()> {
///         desk.note(format!("{} workers begin", self.width()));
///         self.0.run(desk)
///     }
/// }
/// ```
pub trait Workplace: Send {
    /// The most stages that are trained at once.
    fn width(&self) -> usize;

    /// Works until the desk says that the sweep is over, and returns when nobody works any more.
    ///
    /// # Errors
    /// It cannot work; the sweep ends with this error.
    fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()>;
}
