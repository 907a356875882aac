//! Kubernetes: a job is an indexed Job, a shard one of its indices.
//!
//! Manifests are JSON, which `kubectl` takes as it takes YAML. More than one pod can be started
//! for an index (Kubernetes' page on Jobs says so), which is why results are created and never
//! replaced.

use std::process::Command;

use serde_json::{Value, json};

use super::{Job, Launch, Queue, client};

/// How often an index is tried again.
const BACKOFF_LIMIT: u32 = 3;

/// Hands in Jobs by `kubectl`.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// How machines are given to workers: its options are those of `kubectl`.
    pub launch: Launch,
    /// The image that holds reenact.
    pub image: String,
    /// Kueue's queue; none if there is no Kueue.
    pub queue: Option<String>,
    /// Resources of each pod, as in `nvidia.com/gpu=1`.
    pub resources: Vec<(String, String)>,
    /// A claim for a volume that every pod has, and where it is mounted; none if everything
    /// lies in buckets.
    pub volume: Option<(String, String)>,
}

impl Kubernetes {
    /// Writes the manifest of a Job. An index whose pod was evicted does not count as failed,
    /// and one for which another try is vain ends at once.
    pub fn manifest(&self, job: &Job) -> Value {
        let mut spec = json!({
            "completionMode": "Indexed",
            "completions": job.shards,
            "parallelism": job.parallel.unwrap_or(job.shards).min(job.shards),
            "backoffLimitPerIndex": BACKOFF_LIMIT,
            "maxFailedIndexes": job.shards,
            "podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                {"action": "FailIndex", "onExitCodes":
                    {"containerName": "work", "operator": "In", "values": [64, 70]}},
            ]},
            "template": {"spec": self.pod("work", &job.work(&self.launch))},
        });
        if let Some(seconds) = job.limit_seconds {
            spec["activeDeadlineSeconds"] = json!(seconds);
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(&job.name),
            "spec": spec,
        })
    }

    /// Writes the manifest of the Job that collects: handed in when the other has ended.
    pub fn collector(&self, job: &Job, collect: &[String]) -> Value {
        // Its exit code is the verdict, and a verdict is no failure of a pod.
        let mut pod = self.pod("collect", collect);
        pod["restartPolicy"] = json!("Never");
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(&format!("{}-collect", job.name)),
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        })
    }

    fn metadata(&self, name: &str) -> Value {
        let mut metadata = json!({"name": name, "labels": {"app.kubernetes.io/name": "reenact"}});
        if let Some(queue) = &self.queue {
            metadata["labels"]["kueue.x-k8s.io/queue-name"] = json!(queue);
        }
        metadata
    }

    fn pod(&self, container: &str, command: &[String]) -> Value {
        let mut work = json!({
            "name": container,
            "image": self.image,
            "command": command,
        });
        if !self.resources.is_empty() {
            let limits: serde_json::Map<String, Value> =
                self.resources.iter().map(|(name, much)| (name.clone(), json!(much))).collect();
            work["resources"] = json!({"limits": limits});
        }
        let mut pod = json!({"restartPolicy": "Never"});
        if let Some((claim, at)) = &self.volume {
            work["volumeMounts"] = json!([{"name": "shared", "mountPath": at}]);
            pod["volumes"] =
                json!([{"name": "shared", "persistentVolumeClaim": {"claimName": claim}}]);
        }
        pod["containers"] = json!([work]);
        pod
    }

    fn kubectl(&self) -> Command {
        let mut command = Command::new("kubectl");
        command.args(&self.launch.options);
        command
    }
}

impl Queue for Kubernetes {
    fn check(&self) -> Result<(), String> {
        client(self.kubectl().args(["version", "--client"]), "").map(drop)
    }

    fn submit(&self, job: &Job) -> Result<String, String> {
        let manifest = self.manifest(job).to_string();
        let mut command = self.kubectl();
        command.args(["create", "--output=jsonpath={.metadata.name}", "--filename=-"]);
        let name = client(&mut command, &manifest)?.trim().to_owned();
        if name.is_empty() { Err("kubectl: it names no job".into()) } else { Ok(name) }
    }

    fn pending(&self, id: &str) -> Result<Vec<usize>, String> {
        let mut command = self.kubectl();
        command.args(["get", "job", id, "--output=json", "--ignore-not-found"]);
        let said = client(&mut command, "")?;
        if said.trim().is_empty() {
            return Ok(Vec::new());
        }
        let job: Value = serde_json::from_str(&said)
            .map_err(|error| format!("kubectl: its answer is no JSON: {error}"))?;
        Ok(pending(&job))
    }

    fn cancel(&self, id: &str) {
        // It may have ended.
        let _ = client(self.kubectl().args(["delete", "job", id, "--wait=false"]), "");
    }
}

/// Reads which indices of a Job are neither done nor given up.
fn pending(job: &Value) -> Vec<usize> {
    let status = &job["status"];
    let ended = status["conditions"].as_array().into_iter().flatten().any(|condition| {
        let kind = condition["type"].as_str();
        matches!(kind, Some("Complete" | "Failed")) && condition["status"] == "True"
    });
    if ended {
        return Vec::new();
    }
    let indices = |field: &str| ranges(status[field].as_str().unwrap_or_default());
    let (done, failed) = (indices("completedIndexes"), indices("failedIndexes"));
    let count = job["spec"]["completions"].as_u64().unwrap_or_default() as usize;
    let is_in = |ranges: &[(usize, usize)], index| {
        ranges.iter().any(|&(first, last)| (first..=last).contains(&index))
    };
    (0..count).filter(|&index| !is_in(&done, index) && !is_in(&failed, index)).collect()
}

/// Reads `0-2,5`.
fn ranges(text: &str) -> Vec<(usize, usize)> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    text.split(',').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_pending_until_it_is_done_or_given_up() {
        let job = json!({
            "spec": {"completions": 8},
            "status": {"completedIndexes": "0-2,5", "failedIndexes": "6"},
        });
        assert_eq!(pending(&job), [3, 4, 7]);
        let ended = json!({
            "spec": {"completions": 8},
            "status": {"conditions": [{"type": "Failed", "status": "True"}]},
        });
        assert_eq!(pending(&ended), [0; 0]);
        assert_eq!(pending(&json!({"spec": {"completions": 1}})), [0]);
        assert_eq!(pending(&json!({})), [0; 0]);
    }
}
