//! Retention and configuration (wire contract §4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};

use super::read::{Fields, FromBody};
use crate::json::Json;

/// How long an organization's events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// `null`: never set.
    #[schema(required, example = 30)]
    pub retention_period_in_days: Option<u32>,
}

/// Exactly one spelling of a period: days, or months and years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SetRetention {
    /// 30, 60 … 330 or 365, 730 … 3650.
    pub retention_period_in_days: u32,
}

const MONTH_DAYS: u32 = 30;
const YEAR_DAYS: u32 = 365;

/// `1_MONTH`, `2_MONTHS` … `11_MONTHS`, `1_YEAR`, `2_YEARS` … `10_YEARS`, with their days.
fn periods() -> impl Iterator<Item = (String, u32)> {
    let named = |count: u32, unit: &str| if count == 1 { format!("1_{unit}") } else { format!("{count}_{unit}S") };
    let months = (1..=11).map(move |n| (named(n, "MONTH"), n * MONTH_DAYS));
    let years = (1..=10).map(move |n| (named(n, "YEAR"), n * YEAR_DAYS));
    months.chain(years)
}

impl FromBody for SetRetention {
    fn from_body(body: &mut Fields<'_, '_>) -> Option<Self> {
        const DAYS: &str = "retention_period_in_days";
        const PERIOD: &str = "retention_period";
        let days = match (body.get(DAYS), body.get(PERIOD)) {
            (None, None) => {
                body.missing(DAYS);
                return None;
            }
            (Some(_), Some(_)) => {
                body.wrong(PERIOD, "must not be combined with retention_period_in_days");
                return None;
            }
            (Some(Json::Number(days)), None) => periods().find(|(_, listed)| f64::from(*listed) == *days),
            (None, Some(Json::String(period))) => periods().find(|(listed, _)| listed == period),
            (Some(_), None) | (None, Some(_)) => None,
        };
        match (days, body.get(DAYS)) {
            (Some((_, days)), _) => return Some(Self { retention_period_in_days: days }),
            (None, Some(_)) => body.wrong(DAYS, "must be one of 30, 60 to 330 in steps of 30, or 365 to 3650 in steps of 365"),
            (None, None) => body.wrong(PERIOD, "must be one of 1_MONTH, 2_MONTHS to 11_MONTHS, 1_YEAR, 2_YEARS to 10_YEARS"),
        }
        None
    }
}

impl utoipa::PartialSchema for SetRetention {
    fn schema() -> RefOr<Schema> {
        let days = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(periods().map(|(_, days)| days)));
        let period = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(periods().map(|(name, _)| name)));
        let one = |name: &str, schema: ObjectBuilder| {
            ObjectBuilder::new().schema_type(Type::Object).property(name, schema).required(name)
        };
        OneOfBuilder::new().item(one("retention_period_in_days", days)).item(one("retention_period", period)).into()
    }
}

impl ToSchema for SetRetention {}

/// The audit log settings of one organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLogConfiguration {
    pub organization_id: String,
    #[schema(example = 30)]
    pub retention_period_in_days: u32,
    #[schema(inline)]
    pub state: ConfigurationState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfigurationState {
    Active,
    Inactive,
    Disabled,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::InvalidBody;

    fn read(body: &str) -> Result<u32, InvalidBody> {
        SetRetention::read(&crate::json::parse(body.as_bytes()).expect("JSON")).map(|set| set.retention_period_in_days)
    }

    #[test]
    fn both_spellings_are_read() {
        for (body, days) in [
            (r#"{"retention_period_in_days":30}"#, 30),
            (r#"{"retention_period_in_days":330.0}"#, 330),
            (r#"{"retention_period_in_days":3650}"#, 3650),
            (r#"{"retention_period":"1_MONTH","retention_period_in_days":null}"#, 30),
            (r#"{"retention_period":"11_MONTHS"}"#, 330),
            (r#"{"retention_period":"1_YEAR"}"#, 365),
            (r#"{"retention_period":"10_YEARS"}"#, 3650),
        ] {
            assert_eq!(read(body), Ok(days), "{body}");
        }
    }

    #[test]
    fn neither_both_and_other_values_are_refused() {
        for body in [
            "{}",
            r#"{"retention_period_in_days":31}"#,
            r#"{"retention_period_in_days":360}"#,
            r#"{"retention_period_in_days":0}"#,
            r#"{"retention_period_in_days":"30"}"#,
            r#"{"retention_period":"1_MONTHS"}"#,
            r#"{"retention_period":"12_MONTHS"}"#,
            r#"{"retention_period":30}"#,
            r#"{"retention_period":"1_MONTH","retention_period_in_days":30}"#,
        ] {
            assert!(matches!(read(body), Err(InvalidBody::Fields(_))), "{body}");
        }
    }
}
