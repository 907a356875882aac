//! Drawing segments, and writing what is to be replayed for many machines.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use reenact_audit::{Device, Failure, Request, Silent, binary_digest, plan};
use reenact_core::sanitize::{count, plain};
use reenact_fleet::{Job, Kubernetes, Launch, Plan, Planned, Slurm};
use reenact_store::{Ledger, is_bucket};

use crate::exit;
use crate::terminal::output::{self, BOLD, note, styled};

/// Shards where nobody says how many.
const SHARDS: usize = 8;
/// Folder of the results, beside the plan.
const RESULTS: &str = "results";

/// Says where a plan is written, and for which engine.
#[derive(Args, Clone, Debug)]
pub(super) struct Out {
    /// Draw, and write the plan here; with --emit a folder
    #[arg(long, value_name = "FILE|DIR")]
    pub(super) out: Option<PathBuf>,
    /// Shards of about equal cost
    #[arg(long, value_name = "N", requires = "out", default_value_t = SHARDS)]
    shards: usize,
    /// Write an engine's scripts beside the plan
    #[arg(long, value_name = "ENGINE", requires = "out")]
    emit: Option<Emit>,
    /// Place of the results [default: beside the plan]
    #[arg(long, value_name = "PLACE", requires = "emit")]
    results: Option<String>,
    /// What the engine is told besides, or a pod's resource
    #[arg(long = "option", value_name = "OPTION", requires = "emit", allow_hyphen_values = true)]
    options: Vec<String>,
    /// Shards at a time [default: as many as the engine wants]
    #[arg(long, value_name = "N", requires = "emit")]
    parallel: Option<usize>,
    /// File with the key by which workers sign, on their machines
    #[arg(long, value_name = "FILE", requires = "emit")]
    worker_key: Option<String>,
    /// For Kubernetes: the image that holds reenact
    #[arg(long, value_name = "IMAGE", requires = "emit", default_value = "reenact:latest")]
    image: String,
    /// For Kubernetes: Kueue's queue
    #[arg(long, value_name = "NAME", requires = "emit")]
    queue: Option<String>,
    /// For Kubernetes: a volume's claim, as in verify:/shared
    #[arg(long, value_name = "CLAIM:PATH", requires = "emit", value_parser = volume)]
    volume: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Emit {
    Slurm,
    Kubernetes,
}

impl Out {
    /// Draws for these requests, of a night's config if there is one, and writes the plan.
    pub(super) fn write(
        &self,
        out: &Path,
        config: Option<&Path>,
        requests: &[Request],
        ledger: Option<&Ledger>,
    ) -> Result<u8, Failure> {
        let file = match self.emit {
            Some(_) => out.join("plan.json"),
            None => out.to_owned(),
        };
        let mut created = created(&file)?;
        let written = self.drawn(requests, ledger).and_then(|plan| {
            let text = plan.encode();
            let written = created.write_all(text.as_bytes()).and_then(|()| created.sync_all());
            written.map_err(|error| trouble(&file, &error)).map(|()| plan)
        });
        let plan = written.inspect_err(|_| {
            // Half a plan is none.
            let _ = fs::remove_file(&file);
        })?;
        let (segments, shards) = (plan.units.len() as u64, plan.shards.len() as u64);
        output::line(format_args!(
            "{}: {} of {} in {}",
            plain(&file.display().to_string()),
            styled(BOLD, count(segments, "segment")),
            count(plan.audits.len() as u64, "run"),
            count(shards, "shard"),
        ));
        match self.emit {
            None => {
                let file = plain(&file.display().to_string());
                note(format_args!(
                    "next: reenact work {file} --results results --slice 1/{shards}"
                ));
            }
            Some(engine) => self.emit(engine, out, &file, &plan, config)?,
        }
        Ok(exit::MATCH)
    }

    fn drawn(&self, requests: &[Request], ledger: Option<&Ledger>) -> Result<Plan, Failure> {
        let mut audits = Vec::new();
        for request in requests {
            let audit = plan(request, &Silent)?;
            let Device { device, data_dir } = request.device.clone();
            let data = absolute(Path::new(&data_dir))?;
            let step_seconds = ledger.zip(device.as_deref()).and_then(|(ledger, device)| {
                ledger.seconds_per_step(audit.spec, device).ok().flatten()
            });
            audits.push(Planned { audit, device, data, step_seconds });
        }
        Plan::of(binary_digest()?, audits, self.shards)
    }

    fn emit(
        &self,
        engine: Emit,
        out: &Path,
        file: &Path,
        plan: &Plan,
        config: Option<&Path>,
    ) -> Result<(), Failure> {
        let beside = || absolute(&out.join(RESULTS));
        let results = self.results.clone().map_or_else(beside, Ok)?;
        let job = Job {
            name: format!("reenact-{}", Plan::digest(plan.encode().as_bytes()).short()),
            plan: absolute(file)?,
            results: results.clone(),
            key: self.worker_key.clone(),
            shards: plan.shards.len(),
            parallel: self.parallel,
            limit_seconds: None,
        };
        let reenact = match engine {
            Emit::Slurm => std::env::current_exe().map_err(Failure::inconclusive)?,
            Emit::Kubernetes => "reenact".into(),
        };
        let (reenact, logs) = (reenact.display().to_string(), absolute(out)?.into());
        let collect = ["collect", &job.plan, "--results", &results].map(str::to_owned);
        let config = config.map(absolute).transpose()?;
        let config = config.into_iter().flat_map(|config| ["--config".to_owned(), config]);
        let collect: Vec<String> =
            [reenact.clone()].into_iter().chain(collect).chain(config).collect();
        let launch = Launch { reenact, options: self.options.clone(), logs };
        match engine {
            Emit::Slurm => self.slurm(out, launch, &job, &collect),
            Emit::Kubernetes => self.kubernetes(out, launch, &job, &collect),
        }
    }

    fn slurm(
        &self,
        out: &Path,
        launch: Launch,
        job: &Job,
        collect: &[String],
    ) -> Result<(), Failure> {
        let slurm = Slurm { launch };
        write(out, "work.sbatch", &slurm.script(job))?;
        write(out, "collect.sbatch", &slurm.collector(job, collect))?;
        let submit = write(out, "submit", &Slurm::submit_script("work.sbatch", "collect.sbatch"))?;
        note(format_args!("next: sh {submit}"));
        Ok(())
    }

    fn kubernetes(
        &self,
        out: &Path,
        launch: Launch,
        job: &Job,
        collect: &[String],
    ) -> Result<(), Failure> {
        let pair = |option: &String| {
            let (name, much) = option.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`{option}`: a resource is expected, as nvidia.com/gpu=1"))
            })?;
            Ok((name.to_owned(), much.to_owned()))
        };
        let resources = self.options.iter().map(pair).collect::<Result<_, Failure>>()?;
        let launch = Launch { options: Vec::new(), ..launch };
        let (image, queue, volume) = (self.image.clone(), self.queue.clone(), self.volume.clone());
        let kubernetes = Kubernetes { launch, image, queue, resources, volume };
        let text = |manifest| format!("{manifest:#}\n");
        let work = write(out, "work.json", &text(kubernetes.manifest(job)))?;
        let collect = text(kubernetes.collector(job, collect));
        let collect = write(out, "collect.json", &collect)?;
        let name = &job.name;
        note(format_args!(
            "next: kubectl create -f {work}\n      \
             kubectl wait --for=condition=complete --timeout=24h job/{name}\n      \
             kubectl create -f {collect}"
        ));
        Ok(())
    }
}

/// Other machines have other working directories.
pub(super) fn absolute(path: &Path) -> Result<String, Failure> {
    if let Some(bucket) = path.to_str().filter(|place| is_bucket(place)) {
        return Ok(bucket.into());
    }
    let whole = std::path::absolute(path).map_err(|error| trouble(path, &error))?;
    let text = whole.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage(format!("{}: the path is no text", path.display())))
}

fn created(path: &Path) -> Result<File, Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| trouble(folder, &error))?;
    }
    File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is already there", path.display()))
                .hint("name another one with --out: what was drawn stays due")
        }
        _ => trouble(path, &error),
    })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String, Failure> {
    let path = folder.join(name);
    let mut file = created(&path)?;
    file.write_all(text.as_bytes()).map_err(|error| trouble(&path, &error))?;
    Ok(plain(&path.display().to_string()))
}

fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::inconclusive(format!("{}: {error}", path.display()))
}

fn volume(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').filter(|(claim, at)| !claim.is_empty() && at.starts_with('/'));
    let pair = pair.map(|(claim, at)| (claim.to_owned(), at.to_owned()));
    pair.ok_or_else(|| "write a claim and where it is mounted, as in verify:/shared".into())
}
