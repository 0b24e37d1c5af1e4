//! The description against the router, against the types that read requests, and against itself.

use super::*;
use crate::console::{api_keys, broadcasts, duty, latches, plans, policy, preview, programmes};
use crate::gateway::{AlertState, Counts, Phase};
use crate::model;
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeSet;

/// Method and path of every operation.
fn operations() -> BTreeSet<(String, String)> {
    let document = value();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, entry): (&String, &Value)| {
        let methods: Vec<String> = entry.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn every_route_is_described_and_every_operation_is_routed() {
    let source = include_str!("../mod.rs");
    let mut routes = BTreeSet::new();
    for route in source.split(".route(\"").skip(1) {
        let (path, rest) = route.split_once('"').unwrap();
        // Up to the next call on the router: handlers of one path may stand on several lines.
        let methods = rest.split(".route(").next().unwrap().split("\n        .").next().unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.contains(&format!(" {method}(")) || methods.contains(&format!(".{method}("))
            {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    assert!(routes.len() >= 40, "found only {}: is this still how routes look?", routes.len());
    assert_eq!(routes, operations());
}

/// Every reference of a value.
fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, into));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn references_lead_somewhere_and_no_schema_is_left_over() {
    let document = value();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        let found = document.pointer(reference.trim_start_matches('#'));
        assert!(found.is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(&format!("#/components/schemas/{name}")), "nobody needs {name}");
    }
    let paths = document["paths"].as_object().unwrap().values();
    let all = paths.flat_map(|entry| entry.as_object().unwrap().values());
    let ids: Vec<&str> = all.map(|one| one["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

/// Asks a type for the names of its fields or variants.
struct Names<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it has no names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(variants);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Names that a schema speaks of: properties, words, or those of its alternatives.
fn said(schema: &Value) -> BTreeSet<String> {
    if let Some(all) = schema["anyOf"].as_array() {
        return all.iter().flat_map(said).collect();
    }
    let words = schema["enum"].as_array().into_iter().flatten();
    let words = words.map(|word| word.as_str().unwrap().to_owned());
    words
        .chain(schema["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()))
        .collect()
}

fn check_names<T: for<'de> Deserialize<'de>>(name: &str) {
    let mut names = Vec::new();
    assert!(T::deserialize(Names(&mut names)).is_err());
    assert!(!names.is_empty(), "{name} told no names");
    let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    assert_eq!(said(&value()["components"]["schemas"][name]), names, "schema {name} and its type");
}

#[test]
fn schemas_have_the_names_of_their_types() {
    check_names::<AlertState>("Alert");
    check_names::<Counts>("Counts");
    check_names::<Phase>("Phase");
    check_names::<model::AlertId>("AlertId");
    check_names::<model::Approval>("Approval");
    check_names::<model::AfterDeadline>("AfterDeadline");
    check_names::<model::Address>("Address");
    check_names::<model::CallAnswer>("CallAnswer");
    check_names::<model::CallStage>("CallStage");
    check_names::<model::Cancellation>("Cancellation");
    check_names::<model::Chime>("Chime");
    check_names::<model::Class>("Class");
    check_names::<model::ClipRef>("ClipRef");
    check_names::<model::Codec>("Codec");
    check_names::<model::Disposition>("Disposition");
    check_names::<model::Fault>("Fault");
    check_names::<model::Group>("Group");
    check_names::<model::Level>("Level");
    check_names::<model::LinkKind>("LinkKind");
    check_names::<model::Need>("Need");
    check_names::<model::OrderKind>("OrderKind");
    check_names::<model::LatchHold>("LatchHold");
    check_names::<model::Outcome>("Outcome");
    check_names::<model::PolicyDeed>("PolicyDeed");
    check_names::<model::Position>("Position");
    check_names::<model::Post>("Post");
    check_names::<model::Programme>("Programme");
    check_names::<model::Reason>("Reason");
    check_names::<model::RefusalCode>("RefusalCode");
    check_names::<model::Role>("Role");
    check_names::<model::Shift>("Shift");
    check_names::<model::Spoken>("Spoken");
    check_names::<model::Step>("Step");
    check_names::<model::Template>("Template");
    check_names::<model::YearDay>("YearDay");
    check_names::<crate::decide::Signature>("Signature");
    check_names::<crate::decide::Countersignature>("Countersignature");
    check_names::<crate::record::audit::OutcomeKind>("OutcomeKind");
}

/// The example is read; without a field that must be there, or with one more, it is not.
fn check_body<T: DeserializeOwned>(name: &str, refuses_more: bool) {
    let schema = value()["components"]["schemas"][name].clone();
    let example = schema["examples"][0].clone();
    let reads = |body: &Value| serde_json::from_value::<T>(body.clone()).is_ok();
    assert!(reads(&example), "{name}: its example can't be read: {example}");
    let required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for field in required {
        let mut less = example.clone();
        assert!(less.as_object_mut().unwrap().remove(field).is_some(), "{name} shows no {field}");
        assert!(!reads(&less), "{name}: {field} is not required");
    }
    let only: serde_json::Map<String, Value> = example.as_object().unwrap().clone();
    let needed = |field: &String| schema["required"].as_array().unwrap().contains(&json!(field));
    let only: Value = only.into_iter().filter(|(field, _)| needed(field)).collect();
    assert!(reads(&only), "{name}: required fields alone are not enough: {only}");
    let mut more = example;
    more["unknown"] = json!(1);
    assert_eq!(!reads(&more), refuses_more, "{name} and unknown fields");
    if refuses_more {
        check_names::<T>(name);
    }
}

#[test]
fn bodies_are_read_as_they_are_described() {
    check_body::<broadcasts::ManualBody>("ManualBody", true);
    check_body::<broadcasts::ReasonBody>("ReasonBody", true);
    check_body::<broadcasts::ApproveBody>("ApproveBody", true);
    check_body::<broadcasts::StopBody>("StopBody", true);
    check_body::<broadcasts::DrillBody>("DrillBody", true);
    check_body::<plans::EditBody>("EditBody", true);
    check_body::<latches::LatchBody>("LatchBody", true);
    check_body::<latches::LiftBody>("LiftBody", true);
    check_body::<plans::BreakGlassBody>("BreakGlassBody", true);
    check_body::<preview::PreviewBody>("PreviewBody", true);
    check_body::<duty::RosterBody>("RosterBody", true);
    check_body::<duty::GroupBody>("GroupBody", true);
    check_body::<programmes::ApproveBody>("ApproveProgrammeBody", true);
    check_body::<policy::PolicyBody>("PolicyBody", true);
    check_body::<policy::PolicySeenBody>("PolicySeenBody", true);
    check_body::<policy::PolicyRefuseBody>("PolicyRefuseBody", true);
    check_body::<api_keys::KeyBody>("KeyBody", true);
    check_body::<api_keys::RevokeBody>("RevokeBody", true);
    // Stored types take more; `Whole` refuses it for them.
    check_body::<model::Programme>("Programme", false);
    check_body::<model::Shift>("Shift", false);
    check_body::<model::ResponsePlan>("ResponsePlan", false);
    check_body::<model::Template>("TemplateBody", false);
}
