//! Statuses of pods in each state.

use serde_json::{Value, json};

use super::*;
use crate::pod::backoff::BackOffs;
use crate::pod::plan;
use crate::pod::time::NANOS_PER_SECOND;
use crate::runtime::{Sandbox, SandboxState};

const NOW: Time = Time(100);

struct World {
    pod: Pod,
    actual: Actual,
    verdicts: Verdicts,
    obstacles: BTreeMap<String, Obstacle>,
    crashes: BackOffs,
}

fn world(spec: Value, status: Value, containers: Vec<Container>) -> World {
    let meta = json!({"name": "p", "namespace": "default", "uid": "u", "generation": 2});
    let pod = json!({"metadata": meta, "spec": spec, "status": status});
    let sandbox = Sandbox {
        id: "s".into(),
        name: "p".into(),
        namespace: "default".into(),
        uid: "u".into(),
        attempt: 0,
        state: SandboxState::Ready,
        created_at: 0,
        ips: vec!["10.0.0.2".into(), "fd00::2".into()],
    };
    World {
        pod: serde_json::from_value(pod).expect("a pod"),
        actual: Actual::new(vec![sandbox], containers),
        verdicts: Verdicts::default(),
        obstacles: BTreeMap::new(),
        crashes: BackOffs::default(),
    }
}

fn container(name: &str, attempt: u32, state: ContainerState, exit_code: i32) -> Container {
    Container {
        id: format!("{name}{attempt}"),
        sandbox_id: "s".into(),
        pod_uid: "u".into(),
        name: name.into(),
        attempt,
        image: "i".into(),
        image_ref: "i@sha256:0".into(),
        state,
        created_at: NANOS_PER_SECOND,
        started_at: 2 * NANOS_PER_SECOND,
        finished_at: if state == ContainerState::Exited { 3 * NANOS_PER_SECOND } else { 0 },
        exit_code,
        signal: 0,
        reason: String::new(),
        message: String::new(),
        log_path: Default::default(),
    }
}

impl World {
    fn report(&self) -> Value {
        let now = NOW.nanos();
        let plan = plan::plan(plan::Input {
            pod: &self.pod,
            gone: false,
            start_time: Time(1),
            actual: &self.actual,
            crashes: &self.crashes,
            verdicts: &self.verdicts,
            now,
        });
        let status = report(Input {
            pod: &self.pod,
            actual: &self.actual,
            plan: &plan,
            verdicts: &self.verdicts,
            obstacles: &self.obstacles,
            messages: &BTreeMap::new(),
            start_time: Time(1),
            node_ip: "192.0.2.1",
            id_prefix: "x://",
            back_off_seconds: &|name| self.crashes.delay_seconds(name),
            now: NOW,
        });
        serde_json::to_value(status).expect("a status")
    }
}

fn one() -> Value {
    json!({"containers": [{"name": "c", "image": "i"}]})
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"].as_array().expect("conditions");
    all.iter().find(|condition| condition["type"] == kind).expect("the condition")
}

#[test]
fn a_running_pod_tells_all() {
    let world = world(one(), json!({}), vec![container("c", 0, ContainerState::Running, 0)]);
    let status = world.report();
    assert_eq!(
        status["containerStatuses"],
        json!([{
            "name": "c", "image": "i", "imageID": "i@sha256:0", "containerID": "x://c0",
            "ready": true, "started": true, "restartCount": 0, "lastState": {},
            "state": {"running": {"startedAt": "1970-01-01T00:00:02Z"}}
        }])
    );
    assert_eq!((&status["phase"], &status["qosClass"]), (&json!("Running"), &json!("BestEffort")));
    assert_eq!((&status["podIP"], &status["hostIP"]), (&json!("10.0.0.2"), &json!("192.0.2.1")));
    assert_eq!(status["podIPs"], json!([{"ip": "10.0.0.2"}, {"ip": "fd00::2"}]));
    assert_eq!(
        (&status["startTime"], &status["observedGeneration"]),
        (&json!("1970-01-01T00:00:01Z"), &json!(2))
    );
    for kind in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"] {
        assert_eq!(condition(&status, kind)["status"], "True", "{kind}");
    }
}

#[test]
fn reporting_twice_changes_nothing() {
    let mut world = world(one(), json!({}), vec![container("c", 0, ContainerState::Running, 0)]);
    let first = world.report();
    world.pod.status = serde_json::from_value(first.clone()).expect("a status");
    assert_eq!(world.report(), first);
}

#[test]
fn a_pod_that_has_not_begun_waits() {
    let mut world = world(one(), json!({}), vec![]);
    let status = world.report();
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
    assert_eq!(condition(&status, "Initialized")["status"], "True");
    let ready = condition(&status, "Ready");
    assert_eq!(
        (&ready["reason"], &ready["message"]),
        (&json!("ContainersNotReady"), &json!("containers with unready status: [c]"))
    );
    let obstacle = Obstacle { reason: "ErrImagePull", message: "no".into() };
    world.obstacles.insert("c".into(), obstacle);
    let waiting = &world.report()["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(*waiting, json!({"reason": "ErrImagePull", "message": "no"}));
}

#[test]
fn a_crash_loop_shows_the_crash_and_the_wait() {
    let mut ended = container("c", 4, ContainerState::Exited, 137);
    ended.reason = "OOMKilled".into();
    ended.finished_at = 95 * NANOS_PER_SECOND;
    let mut world = world(one(), json!({}), vec![ended]);
    world.crashes.advance("c", 90 * NANOS_PER_SECOND);
    let status = world.report();
    let container = &status["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(
        container["state"]["waiting"]["message"],
        "back-off 10s restarting failed container=c pod=p_default(u)"
    );
    assert_eq!(
        (&container["lastState"]["terminated"]["reason"], &container["restartCount"]),
        (&json!("OOMKilled"), &json!(4))
    );
    assert_eq!((&status["phase"], &container["ready"]), (&json!("Running"), &json!(false)));
}

#[test]
fn the_end_before_is_the_last_state() {
    let containers = vec![
        container("c", 0, ContainerState::Exited, 2),
        container("c", 1, ContainerState::Running, 0),
    ];
    let status = world(one(), json!({}), containers).report();
    let last = &status["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(
        (&last["exitCode"], &last["reason"], &last["containerID"]),
        (&json!(2), &json!("Error"), &json!("x://c0"))
    );
}

#[test]
fn readiness_follows_probes_and_gates() {
    let spec = json!({"readinessGates": [{"conditionType": "lb"}],
        "containers": [{"name": "c", "image": "i", "readinessProbe": {"tcpSocket": {"port": 1}}}]});
    let mut world = world(spec, json!({}), vec![container("c", 0, ContainerState::Running, 0)]);
    let status = world.report();
    assert_eq!(status["phase"], "Running");
    assert_eq!(condition(&status, "ContainersReady")["status"], "False");
    world.verdicts.set("c0", crate::probe::state::Kind::Readiness, true);
    let status = world.report();
    assert_eq!(condition(&status, "ContainersReady")["status"], "True");
    assert_eq!(condition(&status, "Ready")["reason"], "ReadinessGatesNotReady");
    let gate = json!({"type": "lb", "status": "True"});
    world.pod.status.conditions = vec![serde_json::from_value(gate).expect("a condition")];
    assert_eq!(condition(&world.report(), "Ready")["status"], "True");
}

#[test]
fn init_containers_hold_the_pod_back() {
    let mut spec = one();
    spec["initContainers"] = json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]);
    let containers = vec![
        container("a", 0, ContainerState::Exited, 0),
        container("b", 0, ContainerState::Running, 0),
    ];
    let status = world(spec, json!({}), containers).report();
    assert_eq!(
        (&status["phase"], &status["initContainerStatuses"][0]["ready"]),
        (&json!("Pending"), &json!(true))
    );
    let initialised = condition(&status, "Initialized");
    assert_eq!(
        (&initialised["reason"], &initialised["message"]),
        (&json!("ContainersNotInitialized"), &json!("containers with incomplete status: [b]"))
    );
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
}

#[test]
fn an_ended_pod_keeps_its_address_and_its_reason() {
    let mut spec = one();
    spec["restartPolicy"] = json!("Never");
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": "m", "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]});
    let mut world = world(spec, status, vec![container("c", 0, ContainerState::Exited, 1)]);
    world.actual.sandboxes[0].state = SandboxState::NotReady;
    let status = world.report();
    assert_eq!(
        (&status["phase"], &status["reason"], &status["podIP"]),
        (&json!("Failed"), &json!("Evicted"), &json!("10.0.0.9"))
    );
    assert_eq!(condition(&status, "Ready")["reason"], "PodFailed");
    assert_eq!(condition(&status, "PodReadyToStartContainers")["status"], "False");
}

#[test]
fn a_deleted_pod_ends_failed_unless_all_went_well() {
    let deletion = |pod: &mut Pod| {
        let time = jiff::Timestamp::UNIX_EPOCH;
        pod.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
    };
    for (code, phase) in [(0, "Succeeded"), (143, "Failed")] {
        let mut world =
            world(one(), json!({}), vec![container("c", 0, ContainerState::Exited, code)]);
        world.actual.sandboxes[0].state = SandboxState::NotReady;
        deletion(&mut world.pod);
        assert_eq!(world.report()["phase"], phase);
    }
    let mut never = world(one(), json!({}), vec![]);
    never.actual = Actual::default();
    deletion(&mut never.pod);
    let status = never.report();
    assert_eq!(status["phase"], "Failed");
    let ended = &status["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&ended["reason"], &ended["exitCode"]),
        (&json!("ContainerStatusUnknown"), &json!(137))
    );
}
