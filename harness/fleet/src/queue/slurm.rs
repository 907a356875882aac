//! Slurm: a job is an array, a shard one of its tasks.

use std::process::Command;

use super::{Job, Launch, Queue, client, line, quoted, shown};

/// The exit code of a worker that may do better elsewhere.
const AGAIN: u8 = 75;
/// How often a shard is given another try by its own script.
const TRIES_MAX: u32 = 3;

/// Hands in arrays by `sbatch`, and asks `squeue` for them.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// How machines are given to workers.
    pub launch: Launch,
}

impl Slurm {
    /// Writes the script of an array. A task whose node dies is put back by Slurm itself; one
    /// whose worker says that another try may do better puts itself back.
    pub fn script(&self, job: &Job) -> String {
        let logs = shown(&self.launch.logs);
        let last = job.shards.saturating_sub(1);
        let parallel = job.parallel.map(|count| format!("%{count}")).unwrap_or_default();
        let mut text = String::from("#!/bin/sh\n");
        let mut option = |option: &str| text.push_str(&format!("#SBATCH {option}\n"));
        option(&format!("--job-name={}", job.name));
        option(&format!("--array=0-{last}{parallel}"));
        option("--requeue");
        option("--open-mode=append");
        option(&format!("--output={logs}/%x-%A-%a.log"));
        if let Some(seconds) = job.limit_seconds {
            option(&format!("--time={}", seconds.div_ceil(60).max(1)));
        }
        self.launch.options.iter().for_each(|given| option(given));
        let work = line(&job.work(&self.launch));
        text.push_str(&format!(
            "# 0: its results are written, whatever they say; 64, 70: another try is vain.\n\
             {work}\n\
             code=$?\n\
             if [ $code -eq {AGAIN} ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {TRIES_MAX} ]; then\n\
             \x20   scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\n\
             fi\n\
             exit $code\n"
        ));
        text
    }

    /// Writes the script that collects when every task of an array has ended, however.
    pub fn collector(&self, job: &Job, collect: &[String]) -> String {
        let logs = shown(&self.launch.logs);
        let mut text = String::from("#!/bin/sh\n");
        let mut option = |option: &str| text.push_str(&format!("#SBATCH {option}\n"));
        option(&format!("--job-name={}-collect", job.name));
        option("--requeue");
        option("--open-mode=append");
        option(&format!("--output={logs}/%x-%j.log"));
        // It decides what agrees, and so it has to run on the class of device of the workers.
        self.launch.options.iter().for_each(|given| option(given));
        text.push_str(&line(collect));
        text.push('\n');
        text
    }

    /// Writes what hands in both. `afterany`: what has failed is to be collected, too.
    pub fn submit_script(work: &str, collect: &str) -> String {
        format!(
            "#!/bin/sh\n# Hands in the work and what collects it, and prints both jobs.\nset -eu\n\
             cd \"$(dirname \"$0\")\"\n\
             work=$(sbatch --parsable {})\n\
             collect=$(sbatch --parsable --dependency=\"afterany:$work\" {})\n\
             echo \"work $work, collect $collect\"\n",
            quoted(work),
            quoted(collect)
        )
    }
}

impl Queue for Slurm {
    fn check(&self) -> Result<(), String> {
        client(Command::new("sbatch").arg("--version"), "").map(drop)
    }

    fn submit(&self, job: &Job) -> Result<String, String> {
        let said = client(Command::new("sbatch").arg("--parsable"), &self.script(job))?;
        // On a federation the cluster's name follows.
        let id = said.trim().split(';').next().unwrap_or_default().to_owned();
        match !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(id),
            false => Err(format!("sbatch: `{}` is no number of a job", said.trim())),
        }
    }

    fn pending(&self, id: &str) -> Result<Vec<usize>, String> {
        let mut command = Command::new("squeue");
        command.args(["--noheader", "--array", "--format=%K", "--jobs", id]);
        match client(&mut command, "") {
            Ok(said) => Ok(said.lines().filter_map(|line| line.trim().parse().ok()).collect()),
            // What ended some minutes ago is forgotten.
            Err(said) if said.contains("Invalid job id") => Ok(Vec::new()),
            Err(problem) => Err(problem),
        }
    }

    fn cancel(&self, id: &str) {
        // It may have ended.
        let _ = client(Command::new("scancel").arg(id), "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_put_back_where_another_try_may_help_and_nowhere_else() {
        let options = vec!["--partition=verify".to_owned(), "--gres=gpu:1".to_owned()];
        let launch = Launch { reenact: "/opt/my reenact".into(), options, logs: "/shared".into() };
        let job = Job {
            name: "reenact-0a1b".into(),
            plan: "/shared/plan.json".into(),
            results: "s3://bucket/results".into(),
            key: Some("/etc/worker.key".into()),
            shards: 24,
            parallel: Some(8),
            limit_seconds: Some(3601),
        };
        let expected = "\
#!/bin/sh
#SBATCH --job-name=reenact-0a1b
#SBATCH --array=0-23%8
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=/shared/%x-%A-%a.log
#SBATCH --time=61
#SBATCH --partition=verify
#SBATCH --gres=gpu:1
# 0: its results are written, whatever they say; 64, 70: another try is vain.
'/opt/my reenact' work /shared/plan.json --results s3://bucket/results --key /etc/worker.key
code=$?
if [ $code -eq 75 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 3 ]; then
    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"
fi
exit $code
";
        assert_eq!(Slurm { launch }.script(&job), expected);
    }
}
