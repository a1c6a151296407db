//! The OpenAPI document: what the handlers say, and what is the same for all of them.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::error::{FieldError, KINDS, Problem};

#[derive(OpenApi)]
#[openapi(components(schemas(Problem, FieldError)))]
struct Shared;

const INTRODUCTION: &str = "\
Everything an Offhook call center can be told and asked.

**Login.** Send `Authorization: Bearer TOKEN`. Tokens are made with `offhook token create`, with \
`POST /api/v1/tokens`, or by logging in. Roles: `admin` may do all, `supervisor` sees and steers \
calls, queues and agents, `agent` and `user` see and steer what is their own.

**Errors** are problem details (RFC 9457, `application/problem+json`); `errors` names each wrong \
field.

**Lists** are `{\"items\": […], \"next_cursor\": …}`; pass `next_cursor` as `cursor` to read on.

**Ids** are opaque texts. **Times** are RFC 3339 in UTC. **Durations** are whole seconds.

**Changes** by `PATCH` are merge patches (RFC 7396): what is not in the body stays as it is.";

/// Completes what the handlers say.
pub(crate) fn complete(description: &utoipa::openapi::OpenApi) -> Value {
    let mut whole = serde_json::to_value(description).unwrap_or_default();
    let shared = serde_json::to_value(Shared::openapi()).unwrap_or_default();
    whole["openapi"] = json!("3.1.0");
    whole["info"] = json!({
        "title": "Offhook",
        "version": env!("CARGO_PKG_VERSION"),
        "description": INTRODUCTION,
        "license": { "name": "Apache-2.0 OR MIT" },
    });
    whole["servers"] = json!([{ "url": "/" }]);
    whole["security"] = json!([{ "token": [] }]);
    whole["x-problems"] = KINDS
        .iter()
        .map(
            |(kind, status, meaning)| json!({ "kind": kind, "status": status, "meaning": meaning }),
        )
        .collect();
    let components = &mut whole["components"];
    components["securitySchemes"] =
        json!({ "token": { "type": "http", "scheme": "bearer", "bearerFormat": "ofh_…" } });
    if let (Some(schemas), Some(more)) = (
        components["schemas"].as_object_mut(),
        shared["components"]["schemas"].as_object(),
    ) {
        schemas.extend(more.clone());
        flatten_all(schemas);
        add_patches(schemas);
    }
    if let Some(paths) = whole["paths"].as_object_mut() {
        for (path, operations) in paths {
            for operation in operations
                .as_object_mut()
                .into_iter()
                .flat_map(Map::values_mut)
            {
                add_problems(path, operation);
            }
        }
    }
    whole
}

/// Which problems an operation can answer with follows from what it takes.
fn add_problems(path: &str, operation: &mut Value) {
    let open = operation["security"] == json!([{}]);
    let has_body = operation.get("requestBody").is_some();
    let mut problems = vec![(500, "A fault of the server.")];
    if path.starts_with("/api/") {
        problems.push((401, "No token, or one that does not work."));
        problems.push((429, "Too many failed logins from this address."));
        problems.push((503, "Something this needs does not work at present."));
    }
    if path.starts_with("/api/") && !open {
        problems.push((403, "The token may not do this."));
    }
    if path.contains('{') {
        problems.push((404, "Nothing has this id."));
    }
    if has_body {
        problems.push((400, "The body is not JSON."));
        problems.push((413, "The body is too large."));
        problems.push((415, "The body is not said to be JSON."));
        problems.push((422, "Values that cannot be; `errors` names them."));
    }
    if has_body || operation.to_string().contains("\"204\"") {
        problems.push((409, "Taken, in use, or not possible now."));
    }
    let in_query = operation.to_string().contains("\"in\":\"query\"");
    if in_query && !has_body {
        problems.push((400, "A query parameter cannot be understood."));
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, meaning) in problems {
        responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": meaning,
                "content": {
                    "application/problem+json": {
                        "schema": { "$ref": "#/components/schemas/Problem" },
                    },
                },
            })
        });
    }
}

/// The patch of each kind of settings: the same fields, none of them required, none with a default.
fn add_patches(schemas: &mut Map<String, Value>) {
    let names = [
        "Extension",
        "Did",
        "Trunk",
        "OutboundRoute",
        "Queue",
        "Agent",
        "IvrMenu",
        "MusicClass",
        "User",
    ];
    for name in names {
        let Some(mut patch) = schemas.get(&format!("{name}Settings")).cloned() else {
            continue;
        };
        patch["description"] = json!("The fields to change; what is left out stays as it is.");
        if let Some(patch) = patch.as_object_mut() {
            patch.remove("required");
        }
        for field in patch["properties"]
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if let Some(field) = field.as_object_mut() {
                field.remove("default");
            }
        }
        schemas.insert(format!("{name}Patch"), patch);
    }
}

/// A view that contains settings is described as "both of these", but settings allow no further
/// fields, so nothing could be both. It becomes one object with the fields of both.
fn flatten_all(schemas: &mut Map<String, Value>) {
    let before = schemas.clone();
    for schema in schemas.values_mut() {
        let Some(parts) = schema.get("allOf").and_then(Value::as_array).cloned() else {
            continue;
        };
        let mut properties = Map::new();
        let mut required = Vec::new();
        for part in &parts {
            let part = referenced(part, &before);
            if let Some(more) = part["properties"].as_object() {
                properties.extend(more.clone());
                // What is read is always there, also where it need not be written.
                required.extend(more.keys().cloned().map(Value::String));
            }
        }
        // A secret is written and never read.
        properties.retain(|_, field| field["writeOnly"] != json!(true));
        required.retain(|name| {
            name.as_str()
                .is_some_and(|name| properties.contains_key(name))
        });
        let description = schema.get("description").cloned().unwrap_or_default();
        *schema = json!({
            "type": "object",
            "description": description,
            "required": required,
            "properties": properties,
        });
    }
}

fn referenced<'a>(part: &'a Value, schemas: &'a Map<String, Value>) -> &'a Value {
    let name = part["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    name.and_then(|name| schemas.get(name)).unwrap_or(part)
}
