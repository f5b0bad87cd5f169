//! Whether the lists, the table of faults and the tests speak of the same things.

use crate::list::List;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const FAULTS: &str = "docs/faults.md";
const GUARANTEES: &str = "docs/guarantees.md";

pub(crate) fn all(list: &List) -> Result<(), String> {
    let mut wrong = Vec::new();
    for variant in &list.variants {
        for change in variant.changes() {
            let text = fs::read_to_string(&change.file).map_err(|error| format!("{}: {error}", change.file))?;
            wrong.extend(change.apply(&text).err().map(|error| format!("{}: {error}", variant.row)));
        }
        wrong.extend(no_test(&variant.test));
    }
    let broken: BTreeSet<&str> = list.variants.iter().map(|variant| variant.row.as_str()).collect();
    let table = fs::read_to_string(FAULTS).map_err(|error| format!("{FAULTS}: {error}"))?;
    let rows: Vec<Row> = table.lines().filter_map(Row::read).collect();
    let core: Vec<_> = rows.iter().filter(|row| row.class == "core").collect();
    for row in &core {
        wrong.extend((!broken.contains(row.id)).then(|| format!("{}: no broken variant", row.id)));
        wrong.extend(row.tests().is_empty().then(|| format!("{}: no test", row.id)));
    }
    wrong.extend(rows.iter().flat_map(Row::tests).filter_map(no_test));
    let guarantees = fs::read_to_string(GUARANTEES).map_err(|error| format!("{GUARANTEES}: {error}"))?;
    // Tests stand in the last column.
    let shown = guarantees.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit("| ").next());
    wrong.extend(shown.flat_map(cited).filter_map(no_test));
    let class = |class| rows.iter().filter(|row| row.class == class).count();
    println!(
        "{} faults: {} core, {} argued, {} later; {} broken variants",
        rows.len(),
        core.len(),
        class("argued"),
        class("later"),
        list.variants.len()
    );
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// A line of the table: `| id | promise | class | tests | broken variant |`.
struct Row<'a> {
    id: &'a str,
    class: &'a str,
    tests: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let id = cells.next()?.trim_end_matches('`');
        let id = id.split('_').next()?;
        let (class, tests) = (cells.nth(1)?.trim(), cells.next()?);
        Some(Self { id, class, tests })
    }

    fn tests(&self) -> Vec<&'a str> {
        cited(self.tests).collect()
    }
}

fn cited(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|cited| cited.contains("::"))
}

/// What is wrong with a citation of a test: `file::test`, `loom/file::test`, `src/path::test`, `lib::path::test`, `doc::file`.
fn no_test(cited: &str) -> Option<String> {
    let (file, name) = cited.split_once("::")?;
    if file == "doc" {
        return None;
    }
    let name = name.rsplit("::").next().unwrap_or(name);
    let exists = |path: &Path| {
        // Some are made by a macro that is given their names.
        let forms = [format!("fn {name}("), format!("!({name},")];
        fs::read_to_string(path).is_ok_and(|text| forms.iter().any(|form| text.contains(form)))
    };
    let found = match file.split_once('/') {
        Some(("loom", file)) => anywhere(Path::new("loom-tests/tests"), file, &exists),
        Some(("src", _)) => exists(&Path::new(file).with_extension("rs")) || anywhere(Path::new("src"), "", &exists),
        _ if file == "lib" => anywhere(Path::new("src"), "", &exists),
        _ => anywhere(Path::new("tests"), file, &exists),
    };
    (!found).then(|| format!("no test `{cited}`"))
}

/// In the file of this name, or in the folder beside it.
fn anywhere(folder: &Path, start: &str, exists: &impl Fn(&Path) -> bool) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        let named = start.is_empty() || path.file_stem().is_some_and(|stem| stem == start);
        named && if path.is_dir() { anywhere(&path, "", exists) } else { exists(&path) }
    })
}
