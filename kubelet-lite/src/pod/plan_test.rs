//! Every case of the plan as a row.

use serde_json::{Value, json};

use super::*;
use crate::probe::state::Kind;
use crate::runtime::Sandbox;

const S: i64 = NANOS_PER_SECOND;

/// A pod of uid `u`; `spec` may leave out the one container.
fn pod(mut spec: Value) -> Pod {
    if spec["containers"].is_null() {
        spec["containers"] = json!([{"name": "c", "image": "i"}]);
    }
    let meta = json!({"name": "p", "namespace": "default", "uid": "u"});
    serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a pod")
}

fn deleted(mut pod: Pod, grace: i64) -> Pod {
    let time = jiff::Timestamp::UNIX_EPOCH;
    pod.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
    pod.metadata.deletion_grace_period_seconds = Some(grace);
    pod
}

fn sandbox(attempt: u32, state: SandboxState) -> Sandbox {
    Sandbox {
        id: format!("s{attempt}"),
        name: "p".into(),
        namespace: "default".into(),
        uid: "u".into(),
        attempt,
        state,
        created_at: 0,
        ips: vec!["10.0.0.2".into()],
    }
}

/// `name/attempt` in sandbox `s<sandbox>`.
fn container(
    name: &str,
    attempt: u32,
    sandbox: u32,
    state: ContainerState,
    exit_code: i32,
) -> Container {
    Container {
        id: format!("{name}/{attempt}"),
        sandbox_id: format!("s{sandbox}"),
        pod_uid: "u".into(),
        name: name.into(),
        attempt,
        image: "i".into(),
        image_ref: String::new(),
        state,
        created_at: 1,
        started_at: 2,
        finished_at: if state == ContainerState::Exited { 3 * S } else { 0 },
        exit_code,
        signal: 0,
        reason: String::new(),
        message: String::new(),
        log_path: Default::default(),
    }
}

fn running(name: &str) -> Container {
    container(name, 0, 0, ContainerState::Running, 0)
}

fn exited(name: &str, code: i32) -> Container {
    container(name, 0, 0, ContainerState::Exited, code)
}

/// In one ready sandbox.
fn within(containers: Vec<Container>) -> Actual {
    Actual::new(vec![sandbox(0, SandboxState::Ready)], containers)
}

fn plan_at(pod: &Pod, gone: bool, actual: &Actual, now: i64) -> Plan {
    let (crashes, verdicts) = (BackOffs::default(), Verdicts::default());
    plan(Input {
        pod,
        gone,
        start_time: Time(0),
        actual,
        crashes: &crashes,
        verdicts: &verdicts,
        now,
    })
}

/// One word for each action.
fn words(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .map(|action| match action {
            Action::CreateSandbox { attempt } => format!("sandbox {attempt}"),
            Action::StartContainer { name, attempt } => format!("start {name}/{attempt}"),
            Action::StopContainer { id, grace_seconds, cause, .. } => {
                format!("stop {id} {grace_seconds}s {cause:?}")
            }
            Action::StopSandbox { id } => format!("stop {id}"),
            Action::RemoveContainer { id } => format!("remove {id}"),
            Action::RemoveSandbox { id } => format!("remove {id}"),
        })
        .collect()
}

#[track_caller]
fn check(what: &str, pod: &Pod, actual: &Actual, wanted: &[&str]) -> Plan {
    let plan = plan_at(pod, false, actual, 10 * S);
    assert_eq!(words(&plan), wanted, "{what}");
    plan
}

#[test]
fn a_pod_comes_up_step_by_step() {
    let plain = pod(json!({}));
    check("nothing there", &plain, &Actual::default(), &["sandbox 0"]);
    check("a sandbox", &plain, &within(vec![]), &["start c/0"]);
    let plan = check("all runs", &plain, &within(vec![running("c")]), &[]);
    assert_eq!((plan.stage, plan.wake), (Stage::Run, None));
    let two =
        pod(json!({"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}));
    check("both at once", &two, &within(vec![]), &["start a/0", "start b/0"]);
    check("the missing one", &two, &within(vec![running("a")]), &["start b/0"]);
}

#[test]
fn init_containers_run_one_after_the_other() {
    let spec = json!({"restartPolicy": "OnFailure", "initContainers":
        [{"name": "i1", "image": "i"}, {"name": "i2", "image": "i"}]});
    let pod = pod(spec);
    check("first", &pod, &within(vec![]), &["start i1/0"]);
    check("first runs", &pod, &within(vec![running("i1")]), &[]);
    check("second", &pod, &within(vec![exited("i1", 0)]), &["start i2/0"]);
    check("failed one again", &pod, &within(vec![exited("i1", 1)]), &["start i1/1"]);
    check("then the rest", &pod, &within(vec![exited("i1", 0), exited("i2", 0)]), &["start c/0"]);
    check("never again in this sandbox", &pod, &within(vec![running("c")]), &[]);
}

#[test]
fn a_failed_init_container_that_is_not_restarted_fails_the_pod() {
    let pod =
        pod(json!({"restartPolicy": "Never", "initContainers": [{"name": "i1", "image": "i"}]}));
    let actual = within(vec![exited("i1", 1)]);
    assert_eq!(outcome(&pod, &actual), Some(Phase::Failed));
    check("its sandbox ends", &pod, &actual, &["stop s0"]);
}

#[test]
fn a_sidecar_starts_first_is_restarted_and_ends_last() {
    let side = json!({"name": "side", "image": "i", "restartPolicy": "Always",
        "startupProbe": {"tcpSocket": {"port": 1}}});
    let pod = pod(json!({"restartPolicy": "Never", "initContainers": [side]}));
    check("starts", &pod, &within(vec![]), &["start side/0"]);
    let actual = within(vec![running("side")]);
    check("is waited for", &pod, &actual, &[]);
    let mut verdicts = Verdicts::default();
    verdicts.set("side/0", Kind::Startup, true);
    let crashes = BackOffs::default();
    let input = Input {
        pod: &pod,
        gone: false,
        start_time: Time(0),
        actual: &actual,
        crashes: &crashes,
        verdicts: &verdicts,
        now: 0,
    };
    assert_eq!(words(&plan(input)), ["start c/0"]);
    check(
        "restarted beside",
        &pod,
        &within(vec![exited("side", 1), running("c")]),
        &["start side/1"],
    );
    let done = within(vec![running("side"), exited("c", 0)]);
    let plan = check("ends once the work is done", &pod, &done, &["stop side/0 30s PodEnds"]);
    assert_eq!(plan.stage, Stage::Stopping);
    let both = within(vec![running("side"), running("c")]);
    check("outlives the others", &deleted(pod, 5), &both, &["stop c/0 5s PodEnds"]);
}

#[test]
fn ended_containers_follow_the_restart_policy() {
    let cases = [
        ("Always", 0, vec!["start c/1"], None),
        ("Always", 1, vec!["start c/1"], None),
        ("OnFailure", 1, vec!["start c/1"], None),
        ("OnFailure", 0, vec!["stop s0"], Some(Phase::Succeeded)),
        ("Never", 1, vec!["stop s0"], Some(Phase::Failed)),
        ("Never", 0, vec!["stop s0"], Some(Phase::Succeeded)),
    ];
    for (policy, code, wanted, phase) in cases {
        let pod = pod(json!({"restartPolicy": policy}));
        let actual = within(vec![exited("c", code)]);
        check(policy, &pod, &actual, &wanted);
        assert_eq!(outcome(&pod, &actual), phase, "{policy} {code}");
    }
}

#[test]
fn a_crash_loop_waits_for_its_delay() {
    let pod = pod(json!({}));
    let actual = within(vec![exited("c", 1)]);
    let mut crashes = BackOffs::default();
    crashes.advance("c", S);
    let verdicts = Verdicts::default();
    let at = |now| {
        plan(Input {
            pod: &pod,
            gone: false,
            start_time: Time(0),
            actual: &actual,
            crashes: &crashes,
            verdicts: &verdicts,
            now,
        })
    };
    let waits = at(12 * S);
    assert_eq!((waits.actions.len(), waits.wake), (0, Some(13 * S)));
    assert_eq!(waits.crash_loops, ["c"]);
    assert_eq!(words(&at(13 * S)), ["start c/1"]);
}

#[test]
fn a_lost_sandbox_is_replaced_and_restarts_count_on() {
    let pod = pod(json!({}));
    let dead = sandbox(4, SandboxState::NotReady);
    let old = |attempt| container("c", attempt, 4, ContainerState::Exited, 137);
    let actual = Actual::new(vec![dead.clone()], vec![old(6), old(7)]);
    check("a new one", &pod, &actual, &["stop s4", "sandbox 5"]);
    let fresh = sandbox(5, SandboxState::Ready);
    let actual = Actual::new(vec![dead.clone(), fresh.clone()], vec![old(7)]);
    check("without delay", &pod, &actual, &["start c/8"]);
    let now = container("c", 8, 5, ContainerState::Running, 0);
    let actual = Actual::new(vec![dead, fresh], vec![old(7), now]);
    check("then the old one goes", &pod, &actual, &["remove s4"]);
}

#[test]
fn a_lost_sandbox_of_finished_work_is_not_replaced() {
    let pod = pod(json!({"restartPolicy": "Never"}));
    let actual = Actual::new(vec![sandbox(0, SandboxState::NotReady)], vec![exited("c", 137)]);
    let plan = check("nothing", &pod, &actual, &[]);
    assert_eq!((plan.stage, outcome(&pod, &actual)), (Stage::Stopped, Some(Phase::Failed)));
}

#[test]
fn a_record_that_is_lost_counts_by_the_status() {
    let mut pod = pod(json!({}));
    pod.status.container_statuses = vec![crate::pod::status::ContainerStatus {
        name: "c".into(),
        restart_count: 3,
        container_id: "coracle://x".into(),
        ..Default::default()
    }];
    check("one more", &pod, &within(vec![]), &["start c/4"]);
}

#[test]
fn a_deleted_pod_ends_in_order_and_keeps_its_records() {
    let base = pod(json!({"terminationGracePeriodSeconds": 60}));
    let grace = |seconds| deleted(base.clone(), seconds);
    let up = within(vec![running("c")]);
    check("the delete's grace", &grace(7), &up, &["stop c/0 7s PodEnds"]);
    check("never none at all", &grace(0), &up, &["stop c/0 2s PodEnds"]);
    check("then its sandbox", &grace(7), &within(vec![exited("c", 143)]), &["stop s0"]);
    let down = Actual::new(vec![sandbox(0, SandboxState::NotReady)], vec![exited("c", 143)]);
    assert_eq!(check("then nothing", &grace(7), &down, &[]).stage, Stage::Stopped);
    assert_eq!(check("never begun", &grace(7), &Actual::default(), &[]).stage, Stage::Stopped);
}

#[test]
fn a_pod_that_is_gone_leaves_nothing() {
    let pod = pod(json!({}));
    let gone = |actual: &Actual| {
        let plan = plan_at(&pod, true, actual, 0);
        (words(&plan), plan.stage)
    };
    let words_of = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let up = within(vec![running("c")]);
    assert_eq!(gone(&up), (words_of(&["stop c/0 30s PodEnds"]), Stage::Stopping));
    let down = Actual::new(
        vec![sandbox(0, SandboxState::NotReady)],
        vec![exited("c", 0), container("x", 0, 9, ContainerState::Exited, 0)],
    );
    assert_eq!(gone(&down), (words_of(&["remove x/0", "remove s0"]), Stage::Stopping));
    assert_eq!(gone(&Actual::default()), (vec![], Stage::Erased));
}

#[test]
fn a_deadline_counts_from_the_start_of_the_pod() {
    let pod = pod(json!({"activeDeadlineSeconds": 20}));
    let up = within(vec![running("c")]);
    let before = plan_at(&pod, false, &up, 19 * S);
    assert_eq!((before.actions.len(), before.wake, before.failure), (0, Some(20 * S), None));
    let after = plan_at(&pod, false, &up, 20 * S);
    assert_eq!(words(&after), ["stop c/0 30s PodEnds"]);
    assert_eq!(after.failure, Some(DEADLINE_EXCEEDED));
}

#[test]
fn an_ended_pod_is_never_started_again() {
    let mut pod = pod(json!({}));
    pod.status.phase = Some(Phase::Failed);
    assert_eq!(check("evicted", &pod, &Actual::default(), &[]).stage, Stage::Stopped);
    check("also when it runs", &pod, &within(vec![running("c")]), &["stop c/0 30s PodEnds"]);
}

#[test]
fn containers_are_stopped_for_their_own_reasons() {
    let probe = json!({"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 4});
    let pod = pod(json!({"containers": [{"name": "c", "image": "i", "livenessProbe": probe}]}));
    let actual = within(vec![running("c")]);
    let crashes = BackOffs::default();
    let mut verdicts = Verdicts::default();
    verdicts.set("c/0", Kind::Liveness, false);
    let input = Input {
        pod: &pod,
        gone: false,
        start_time: Time(0),
        actual: &actual,
        crashes: &crashes,
        verdicts: &verdicts,
        now: 0,
    };
    assert_eq!(words(&plan(input)), ["stop c/0 4s Liveness"]);
    let mut other = running("c");
    other.image = "old".into();
    check("another image", &pod, &within(vec![other]), &["stop c/0 30s ImageChanged"]);
    let lost = container("c", 0, 0, ContainerState::Unknown, 0);
    check("no telling", &pod, &within(vec![lost]), &["stop c/0 30s Unknown"]);
    let made = container("c", 0, 0, ContainerState::Created, 0);
    check("made and not started", &pod, &within(vec![made]), &["start c/1"]);
}

#[test]
fn the_last_two_records_are_kept() {
    let pod = pod(json!({}));
    let old = |attempt| container("c", attempt, 0, ContainerState::Exited, 1);
    let now = container("c", 3, 0, ContainerState::Running, 0);
    let actual = within(vec![old(0), old(1), old(2), now]);
    check("older go", &pod, &actual, &["remove c/1", "remove c/0"]);
}

/// Performs plans on a model of the runtime until nothing is left to do.
#[test]
fn plans_end_where_nothing_is_left_to_do() {
    let side = json!({"name": "s", "image": "i", "restartPolicy": "Always"});
    for (policy, deleted_at) in [("Always", None), ("Never", Some(3)), ("OnFailure", Some(5))] {
        let mut pod = pod(
            json!({"restartPolicy": policy, "initContainers": [{"name": "i1", "image": "i"}, side]}),
        );
        let mut actual = Actual::default();
        let mut steps = 0;
        loop {
            if deleted_at == Some(steps) {
                pod = deleted(pod, 1);
            }
            let plan = plan_at(&pod, false, &actual, 100 * S);
            let waits_for_init = actual.running().any(|container| container.name == "i1");
            if plan.actions.is_empty() && !waits_for_init {
                let ends = if pod.is_deleted() { Stage::Stopped } else { Stage::Run };
                assert_eq!(plan.stage, ends, "{policy}");
                break;
            }
            for container in actual.containers.iter_mut().filter(|container| container.name == "i1")
            {
                (container.state, container.finished_at) = (ContainerState::Exited, S);
            }
            plan.actions.iter().for_each(|action| perform(&mut actual, action));
            steps += 1;
            assert!(steps < 20, "{policy} does not settle");
        }
        let alive = actual.running().count();
        assert_eq!(alive, if pod.is_deleted() { 0 } else { 2 }, "{policy}");
    }
}

fn perform(actual: &mut Actual, action: &Action) {
    match action {
        Action::CreateSandbox { attempt } => {
            actual.sandboxes.push(sandbox(*attempt, SandboxState::Ready));
        }
        Action::StartContainer { name, attempt } => {
            let at = actual.newest_sandbox().expect("a sandbox first").attempt;
            actual.containers.push(container(name, *attempt, at, ContainerState::Running, 0));
        }
        Action::StopContainer { id, .. } => {
            let found = actual.containers.iter_mut().find(|container| container.id == *id);
            let found = found.expect("it is there");
            (found.state, found.finished_at, found.exit_code) = (ContainerState::Exited, S, 143);
        }
        Action::StopSandbox { id } => {
            for sandbox in actual.sandboxes.iter_mut().filter(|sandbox| sandbox.id == *id) {
                sandbox.state = SandboxState::NotReady;
            }
        }
        Action::RemoveContainer { id } => actual.containers.retain(|container| container.id != *id),
        Action::RemoveSandbox { id } => actual.sandboxes.retain(|sandbox| sandbox.id != *id),
    }
}
