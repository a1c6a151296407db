//! `/api/v1/sip/route-trace`

use offhook_actors::alarm;
use offhook_core::TrunkId;
use offhook_core::dialplan::{self, Dialled, Notes, Outcome, RouteError, Step, StepKind};
use offhook_core::directory::Destination;

use super::prelude::*;
use crate::dto::destination::DestinationDto;
use crate::dto::route_trace::{RouteTrace, StepDto, TraceQuery};
use crate::state::WayQuestion;

const TAG: &str = "Outbound routes";

/// Explains where a number leads, and why: each route with its permission, hours and trunks, and
/// what each trunk would be sent. Nothing is called. Supervisors and admins only.
#[utoipa::path(
    get, path = "/api/v1/sip/route-trace", tag = TAG, operation_id = "trace_route",
    params(TraceQuery),
    responses((status = 200, description = "The decisions, in order.", body = RouteTrace)),
)]
async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<TraceQuery>,
) -> ApiResult<Json<RouteTrace>> {
    caller.needs(Role::Supervisor)?;
    let directory = state.directory();
    let at = query.at.unwrap_or_else(alarm::wall);
    let mut notes = Notes::kept();
    if let Some(trunk) = query.trunk {
        if query.from.is_some() {
            let detail = "cannot be given together with from";
            return Err(ApiError::invalid("trunk", detail));
        }
        let (result, steps) = inbound(&directory, trunk, &query.to)?;
        return Ok(Json(told(result, steps)));
    }
    let from = match &query.from {
        None => None,
        Some(number) => {
            let unknown = || ApiError::invalid("from", "is not the number of an extension");
            Some(directory.extension_numbered(number).ok_or_else(unknown)?)
        }
    };
    let dialled = Dialled {
        number: &query.to,
        caller: from,
        at,
    };
    let result = dialplan::from_inside(&directory, dialled, &mut notes);
    let outside = match &result {
        Ok(Destination::External(number)) => Some(number.clone()),
        Ok(_) | Err(_) => None,
    };
    let mut trace = told(result, notes.steps());
    if let Some(number) = outside {
        trace.ways = state
            .floor()
            .ways_out(WayQuestion {
                number,
                from: from.map(|from| from.id),
                at,
                resolve: query.resolve,
            })
            .await;
    }
    Ok(Json(trace))
}

fn told(result: Result<Destination, RouteError>, steps: Vec<Step>) -> RouteTrace {
    let destination = result.as_ref().ok().map(DestinationDto::of);
    let (destination_type, destination_id) = match destination {
        Some(found) => (Some(found.destination_type), found.destination_id),
        None => (None, None),
    };
    RouteTrace {
        destination_type,
        destination_id,
        cause: result.err().map(|error| error.cause().as_str().to_owned()),
        steps: steps.into_iter().map(StepDto::of).collect(),
        ways: Vec::new(),
    }
}

fn inbound(
    directory: &Directory,
    trunk: TrunkId,
    to: &str,
) -> ApiResult<(Result<Destination, RouteError>, Vec<Step>)> {
    let trunk = directory.trunk(trunk);
    let trunk = trunk.ok_or_else(|| ApiError::invalid("trunk", "is not the id of a trunk"))?;
    let found = dialplan::inbound(directory, trunk, to);
    let (outcome, detail) = match &found {
        Ok(found) => match found.did {
            Some(did) => (Outcome::Chosen, format!("is our number {}", did.number)),
            None => (
                Outcome::Chosen,
                "is no number of ours; the trunk's default destination takes it".to_owned(),
            ),
        },
        Err(_) => (
            Outcome::NoMatch,
            "is no public number of ours that this trunk may reach".to_owned(),
        ),
    };
    let step = Step {
        step: StepKind::Did,
        subject: to.to_owned(),
        outcome,
        detail,
    };
    Ok((found.map(|found| found.destination.clone()), vec![step]))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(trace))
}
