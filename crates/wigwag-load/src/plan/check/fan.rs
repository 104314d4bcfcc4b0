//! The check of a fan-out: what its scenario must say, and what follows from its size.

use super::{CONNECTIONS_MAX, PlanError};
use crate::plan::{Broadcast, Expect, FanOut, Payload, Plan};

/// The plan with its fan-out's connections and rate.
pub(super) fn shaped(mut plan: Plan) -> Result<Plan, PlanError> {
    let broadcast = plan.script.as_deref().and_then(|script| script.broadcast.as_ref());
    let shape = match (plan.fan_out, broadcast) {
        (None, None) => return Ok(plan),
        (None, Some(_)) => return Err(wrong("the script describes one: say how large, such as --fan-out 1:1:100")),
        (Some(_), None) => {
            return Err(wrong("needs a --script with [subscribe], [publish] and [delivery] (docs/load/scenarios.md)"));
        }
        (Some(shape), Some(broadcast)) => {
            check_broadcast(shape, broadcast)?;
            shape
        }
    };
    check_flags(&plan)?;
    plan.connections = u32::try_from(shape.connections()).unwrap_or(CONNECTIONS_MAX);
    if shape.publishers > 0 {
        plan.rate = plan.rate.or(Some(RATE_DEFAULT));
    } else if plan.rate.is_some() || plan.messages.is_some() {
        return Err(wrong("without publishers there is neither -r nor -n"));
    }
    Ok(plan)
}

fn check_broadcast(shape: FanOut, broadcast: &Broadcast) -> Result<(), PlanError> {
    let (known, asked) = (broadcast.topics.len(), shape.topics as usize);
    if known > 0 && known < asked {
        return Err(wrong(&format!("{asked} topics are asked for, and the script names {known}")));
    }
    if shape.publishers == 0 {
        return match broadcast.delivery.has_value() {
            true => Ok(()),
            false => {
                Err(wrong("without publishers [delivery] must say where its value is (value, or a group of match)"))
            }
        };
    }
    let Some(publish) = &broadcast.publish else {
        return Err(wrong(
            "publishers need [publish]; with none (TOPICS:0:SUBSCRIBERS) what the server sends is compared",
        ));
    };
    let named = publish.template("name").is_ok_and(|template| template.has_ledger());
    if !named && !broadcast.delivery.has_sequence() {
        return Err(wrong(
            "a delivery must name its publication: put {ledger} into [publish], or say where its sequence is",
        ));
    }
    let one = shape.publishers == 1;
    if broadcast.delivery.has_sequence() && !one && !broadcast.delivery.has_publisher() {
        return Err(wrong("with several publishers of a topic [delivery] must say where the publisher is"));
    }
    Ok(())
}

fn check_flags(plan: &Plan) -> Result<(), PlanError> {
    const ROLES: &str = "each connection publishes or subscribes from the start to the end";
    const TEXTS: &str = "the script says what is sent";
    let conflicts = [
        (plan.per_connection.is_some(), "--per-connection", "-n says how many publications there are in all"),
        (plan.ramp.is_some(), "--ramp", ROLES),
        (!plan.stages.is_empty(), "--stage", ROLES),
        (plan.reconnect.is_some(), "--reconnect", ROLES),
        (plan.think.is_some(), "--think", "publications have a rate"),
        (plan.in_flight.is_some(), "--in-flight", "publications have a rate"),
        (!matches!(plan.payload, Payload::Ledger), "-m or -f", TEXTS),
        (plan.sizes.is_some(), "--size", TEXTS),
        (plan.binary, "-b", TEXTS),
        (!matches!(plan.expect, Expect::Auto), "--expect", TEXTS),
    ];
    match conflicts.into_iter().find(|(is_there, ..)| *is_there) {
        Some((_, flag, why)) => Err(PlanError::Conflict("--fan-out", flag, why)),
        None => Ok(()),
    }
}

fn wrong(text: &str) -> PlanError {
    PlanError::FanOut(text.to_owned())
}

/// Publications per second in all.
const RATE_DEFAULT: f64 = 100.0;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Script;

    fn plan(shape: &str, script: &str) -> Plan {
        let script = Script::parse("f.toml", script).expect("a scenario");
        Plan { fan_out: Some(shape.parse().expect("a shape")), script: Some(Arc::new(script)), ..Plan::default() }
    }

    #[test]
    fn connections_and_rate_follow_from_the_shape() {
        let plan = plan("3:2:10", "[publish]\nsend = '{ledger}'").check().expect("a plan");
        assert_eq!((plan.connections_max, plan.plan().rate), (36, Some(RATE_DEFAULT)));
    }

    #[test]
    fn what_a_fan_out_lacks_is_said() {
        let checks = [
            (plan("1:1:1", "[publish]\nsend = 'x'"), "put {ledger} into [publish]"),
            (plan("1:1:1", "[subscribe]\nsend = 'x'"), "publishers need [publish]"),
            (plan("1:0:1", "[subscribe]\nsend = 'x'"), "must say where its value is"),
            (plan("1:2:1", "[publish]\nsend = 'x'\n[delivery]\nsequence = 'n'"), "must say where the publisher is"),
            (plan("2:1:1", "topics = ['a']\n[publish]\nsend = '{ledger}'"), "the script names 1"),
            (plan("1:1:1", "[[step]]\nsend = 'x'"), "needs a --script with [subscribe]"),
            (Plan { fan_out: None, ..plan("1:1:1", "[publish]\nsend = '{ledger}'") }, "say how large"),
        ];
        for (plan, expected) in checks {
            let error = plan.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
