//! A program for tests of sweeps over many machines: a chain of hashes as learner, so that going on from any
//! wrong state changes everything that follows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use hobbit::remote::Nats;
use hobbit::repository::{Reader, Record};
use hobbit::search::Kde;
use hobbit::testing::Fake;
use hobbit::{
    Array, ArrayData, Asha, Checkpoint, EpochContext, Hyperband, Metrics, TrialContext, search_space,
};

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Hyperband,
    Asha,
}

/// Trains chains of hashes.
#[derive(Parser)]
struct Options {
    /// The most epochs of a stage (R).
    #[arg(long, default_value_t = 27)]
    max_epochs: u32,
    /// The cut factor between stages.
    #[arg(long, default_value_t = 3)]
    eta: u32,
    /// How often Hyperband is run.
    #[arg(long, default_value_t = 1)]
    iterations: u32,
    /// The trials of ASHA.
    #[arg(long, default_value_t = 81)]
    trials: u32,
    /// Configurations are proposed by Kde.
    #[arg(long)]
    learns: bool,
    /// How many stages may be under way as far as the decisions of ASHA and Kde are concerned.
    #[arg(long, default_value_t = 4)]
    lookahead: u32,
    /// Trains nothing, and looks whether the study is whole.
    #[arg(long)]
    verify: bool,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many trials are trained at once in this process.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How long an epoch takes, in milliseconds.
    #[arg(long, default_value_t = 0.0)]
    pace: f64,
    /// The bytes of a checkpoint.
    #[arg(long, default_value_t = 8)]
    bytes: usize,
    /// Trials keep no more than their hash in memory, and get better with every epoch: of a checkpoint's
    /// bytes, there is only what is on its way.
    #[arg(long)]
    thin: bool,
    /// Says on standard output when which epoch begins.
    #[arg(long)]
    tells: bool,
    /// What results are said to depend on besides the study.
    #[arg(long)]
    numerics: Option<String>,
    /// Aborts the process in the trials of this index.
    #[arg(long)]
    aborts: Option<u32>,
    /// Reads the clock.
    #[arg(long)]
    clock: bool,
    /// Saves within stages, every so many epochs.
    #[arg(long)]
    checkpoint_every: Option<u64>,
    /// After so many lost workers a trial counts as failed.
    #[arg(long, default_value_t = 1000)]
    give_up_after: u32,
    /// The algorithm.
    #[arg(long, value_enum, default_value = "hyperband")]
    by: By,
    /// Where the study is kept.
    #[arg(long)]
    repo_dir: PathBuf,
}

#[search_space]
struct Link {
    #[uniform(0.0..=1.0)]
    goal: f64,
}

/// The state of a chain: its hash, and as many bytes as a checkpoint has.
type Chain = (u64, Vec<u8>);

fn mix(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 31
}

fn chains(options: &Options) -> Fake<Link, Chain> {
    let (pace, bytes) = (Duration::from_secs_f64(options.pace / 1000.0), options.bytes);
    let (aborts, clock, thin, tells) = (options.aborts, options.clock, options.thin, options.tells);
    let whole = bytes.saturating_sub(8);
    let kept = if thin { 0 } else { whole };
    let build = move |link: &Link, trial: &TrialContext| {
        if aborts == Some(trial.id.index) {
            std::process::abort();
        }
        Ok((mix(link.goal.to_bits(), u64::from(trial.id.index)), vec![0; kept]))
    };
    let epoch = move |(hash, bytes): &mut Chain, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        if tells {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
            println!(
                "{now:.3} {} begins epoch {} of {}",
                std::process::id(),
                epoch.epoch + 1,
                epoch.trial.id
            );
        }
        std::thread::sleep(pace);
        *hash = mix(*hash, epoch.key(1).rng().below(u64::MAX));
        for (place, byte) in bytes.iter_mut().enumerate().step_by(61) {
            *byte = byte.wrapping_add((*hash >> (place % 8)) as u8);
        }
        let now = if clock { std::process::id() as u64 } else { 0 };
        let loss = ((*hash ^ now) >> 11) as f64 / (1_u64 << 53) as f64;
        metrics.report("val_loss", if thin { loss - epoch.epoch as f64 } else { loss });
        Ok(())
    };
    let save = move |(hash, bytes): &Chain| {
        let bytes = if thin { vec![*hash as u8; whole] } else { bytes.clone() };
        let mut checkpoint = Checkpoint::new();
        let array = |length, data| Array { shape: vec![length], data };
        checkpoint.arrays.insert("hash".to_owned(), array(1, ArrayData::I64(vec![*hash as i64])));
        checkpoint.arrays.insert("bytes".to_owned(), array(bytes.len(), ArrayData::U8(bytes)));
        Ok(checkpoint)
    };
    let load = move |chain: &mut Chain, checkpoint: &Checkpoint| {
        let (Some(hash), Some(bytes)) = (checkpoint.arrays.get("hash"), checkpoint.arrays.get("bytes"))
        else {
            return Err("it has no hash".into());
        };
        let (ArrayData::I64(hash), ArrayData::U8(bytes)) = (&hash.data, &bytes.data) else {
            return Err("they are of other types".into());
        };
        let is_same = |bytes: &[u8]| bytes.iter().all(|byte| *byte == hash[0] as u8);
        if thin && !(bytes.len() == whole && is_same(bytes)) {
            return Err("it is of other bytes".into());
        }
        *chain = (hash[0] as u64, if thin { Vec::new() } else { bytes.clone() });
        Ok(())
    };
    let chains = Fake::new(build, epoch).saving(save, load);
    match &options.numerics {
        Some(numerics) => chains.computing_with(numerics),
        None => chains,
    }
}

fn tune() -> hobbit::Result<ExitCode> {
    let options = Options::parse();
    if options.verify {
        return verify(&options.repo_dir);
    }
    let nats = Nats::from_env()?.give_up_after(options.give_up_after);
    macro_rules! study {
        ($by:ident) => {{
            let study = $by::of(chains(&options)).quiet().seed(options.seed).workers(options.workers);
            let study = study.repo_dir(&options.repo_dir).stop_on_ctrl_c().nats(nats);
            let study = if options.learns { study.sampler(Kde::new()) } else { study };
            match options.checkpoint_every {
                Some(epochs) => study.checkpoint_every(epochs),
                None => study,
            }
        }};
    }
    let results = match options.by {
        By::Hyperband => {
            let study = study!(Hyperband).iterations(options.iterations);
            let study = if options.learns { study.lookahead(options.lookahead) } else { study };
            study.run(options.max_epochs, options.eta)?
        }
        By::Asha => {
            study!(Asha).lookahead(options.lookahead).run(options.trials, options.max_epochs, options.eta)?
        }
    };
    Ok(results.exit_code())
}

/// Looks whether a study is whole, and no outcome is in its journal twice.
fn verify(dir: &Path) -> hobbit::Result<ExitCode> {
    let reader = Reader::open(dir)?;
    let (mut stages, mut twice, mut elsewhere) = (HashSet::new(), 0, 0);
    for record in reader.journal()? {
        if let Record::Stage(record) = record {
            twice += u32::from(!stages.insert((record.trial, record.stage)));
            elsewhere += u32::from(record.machine > 0);
        }
    }
    let broken: Vec<_> = reader.verify()?.into_iter().filter(|check| !check.state.is_fine()).collect();
    println!("{} stages, {elsewhere} of them on other machines", stages.len());
    if twice > 0 || elsewhere == 0 || !broken.is_empty() {
        eprintln!("{twice} outcomes are in the journal twice, {elsewhere} are of other machines; {broken:?}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    hobbit::exit_code(tune())
}
