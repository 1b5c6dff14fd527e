//! Pages by actor, action and target, and text over one organization, beside DuckDB over the same Parquet files.

use super::pages::in_turns;
use crate::Fallible;
use crate::duckdb::DuckDb;
use crate::figure::{Comparison, Figure, Finding};
use crate::lake;
use crate::load::http::{Connection, get};
use crate::process::Server;
use crate::results::{Outcome, counted};
use crate::world::{Data, World};

/// What our search looks at.
const TEXTS: [&str; 11] = [
    "action",
    "actor_id",
    "actor_name",
    "actor_type",
    "location",
    "user_agent",
    "id",
    "organization_id",
    "metadata",
    "actor_metadata",
    "extra",
];
const LISTS: [&str; 4] = ["target_ids", "target_names", "target_types", "target_metadata"];

/// One question in both languages.
struct Question {
    name: String,
    parameter: String,
    condition: String,
    is_text: bool,
}

pub async fn run(world: &mut World, outcome: &mut Outcome) -> Fallible<()> {
    let data = world.filled(world.history(world.sizes.sets[1]))?;
    let server = world.start(&data)?;
    server.ready().await?;
    let handler = Server::handler(&world.annals)?;
    let mut duck = DuckDb::start(&world.python)?;
    let files = lake::files(&mut duck, &data.folder)?;
    duck.view("events", &files)?;
    outcome.note(format!(
        "The large organization of {} events, which has {}. DuckDB keeps the footers that it has read, and gets its answer as Python objects.",
        counted(data.filled.events),
        counted(data.filled.organizations.large.events)
    ));
    let questions = questions(&mut duck, &data)?;
    let mut sides = Sides { server, handler, duck };
    for question in questions {
        ask(world, outcome, &mut sides, &data, &question).await?;
    }
    sides.server.stop()
}

struct Sides {
    server: Server,
    handler: Server,
    duck: DuckDb,
}

async fn ask(world: &World, outcome: &mut Outcome, sides: &mut Sides, data: &Data, question: &Question) -> Fallible<()> {
    let Sides { server, handler, duck } = sides;
    let organization = &data.filled.organizations.large.id;
    let path = format!("/v1/audit_log_events?organization_id={organization}&limit=50&{}", question.parameter);
    let sql = format!(
        "SELECT * FROM events WHERE organization_id = '{organization}' AND {} ORDER BY id DESC LIMIT 50",
        question.condition
    );
    let found = Connection::open(server.address).await?.json(&get(&path, &server.key)).await?;
    let found = found["data"].as_array().map_or(0, Vec::len);
    let expected = duck.run(&sql, 1)?.rows.len();
    let (ours, _) = in_turns(world, server, handler, &path).await?;
    let theirs = duck.run(&sql, world.sizes.rounds)?;
    let milliseconds: Vec<_> = theirs.seconds.iter().map(|seconds| seconds * 1000.0).collect();
    let (ours, theirs) = (ours.p50(), Figure::of("ms", &milliseconds));
    let mut of_theirs = Comparison::new("of DuckDB's time", ours.median / theirs.median, "×");
    if question.is_text {
        of_theirs = of_theirs.at_most(1.0, 1.0);
    }
    let mut finding = Finding::new(format!("{}, p50", question.name), ours.clone()).beside("DuckDB", theirs).compare(of_theirs);
    if !question.is_text {
        finding = finding.compare(Comparison::new("p50", ours.median, "ms").at_most(10.0, 5.0));
    }
    outcome.find(finding);
    if found != expected {
        outcome.note(format!("{}: we answer {found} events at once, DuckDB {expected}.", question.name));
    }
    Ok(())
}

/// Values that are about as frequent as wanted, looked for in the data itself.
fn questions(duck: &mut DuckDb, data: &Data) -> Fallible<Vec<Question>> {
    let organization = &data.filled.organizations.large;
    let mine = format!("FROM events WHERE organization_id = '{}'", organization.id);
    let kinds = [
        ("actor", "actor_ids", "actor_id", format!("SELECT actor_id AS v, count(*) AS n {mine} GROUP BY 1")),
        ("action", "actions", "action", format!("SELECT action AS v, count(*) AS n {mine} GROUP BY 1")),
        ("target", "target_ids", "", format!("SELECT v, count(*) AS n FROM (SELECT unnest(target_ids) AS v {mine}) GROUP BY 1")),
    ];
    let mut questions = Vec::new();
    for (name, parameter, column, counts) in kinds {
        for share in [0.01, 0.0001] {
            let wanted = organization.events as f64 * share;
            let nearest = duck.run(&format!("SELECT v, n FROM ({counts}) ORDER BY abs(n - {wanted}), v LIMIT 1"), 1)?;
            let row = nearest.rows.first().ok_or("the large organization has no events in the lake")?;
            let value = row[0].as_str().ok_or("not a text")?.to_owned();
            let found = row[1].as_f64().unwrap_or(0.0) / organization.events as f64 * 100.0;
            let condition =
                if column.is_empty() { format!("list_contains(target_ids, '{value}')") } else { format!("{column} = '{value}'") };
            questions.push(Question {
                name: format!("{name} of {found:.3} % of the events"),
                parameter: format!("{parameter}={value}"),
                condition,
                is_text: false,
            });
        }
    }
    for (name, text) in
        [("a word of many events", frequent_word(duck, &mine)?), ("a text of one old event", rare_text(duck, &mine)?)]
    {
        let condition = TEXTS.map(|column| format!("contains(lower({column}), '{text}')"));
        let lists = LISTS.map(|column| format!("contains(lower(array_to_string({column}, ' ')), '{text}')"));
        questions.push(Question {
            name: format!("text: {name}"),
            parameter: format!("search={text}"),
            condition: format!("({} OR {})", condition.join(" OR "), lists.join(" OR ")),
            is_text: true,
        });
    }
    Ok(questions)
}

/// The family name of the actor that about one event in a hundred has.
fn frequent_word(duck: &mut DuckDb, mine: &str) -> Fallible<String> {
    let sql = format!(
        "SELECT v FROM (SELECT lower(split_part(actor_name, ' ', 2)) AS v, count(*) AS n {mine} AND actor_name IS NOT NULL GROUP BY 1)
         WHERE length(v) > 4 AND regexp_full_match(v, '[a-z]+') ORDER BY abs(n - (SELECT count(*) / 100 {mine})), v LIMIT 1"
    );
    first_text(duck, &sql)
}

/// The end of the first event's id: to find it everything must be read.
fn rare_text(duck: &mut DuckDb, mine: &str) -> Fallible<String> {
    first_text(duck, &format!("SELECT lower(right(id, 12)) {mine} ORDER BY seq LIMIT 1"))
}

fn first_text(duck: &mut DuckDb, sql: &str) -> Fallible<String> {
    let ran = duck.run(sql, 1)?;
    let text = ran.rows.first().and_then(|row| row[0].as_str()).ok_or("nothing to look for")?;
    Ok(text.to_owned())
}
