"""Every way of writing SQL past one's tenant that we could think of, and what the store needs to write."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    TypeDecorator,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    join,
    lateral,
    literal,
    literal_column,
    not_,
    or_,
    quoted_name,
    select,
    table,
    text,
    true,
    tuple_,
    type_coerce,
    union_all,
    update,
    values,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased, registry

from rag_service.domain.identity import TenantId
from rag_service.store import guard, tables
from rag_service.store.guard import SHARED, UnscopedStatement, check

T, OTHER = TenantId("t1"), TenantId("t2")
D, V, A, J = tables.documents, tables.versions, tables.access, tables.jobs
d, v, a, j = D.c, V.c, A.c, J.c
mine = d.tenant_id == T
ids = select(d.id).where(mine)
of_mine = and_(v.tenant_id == d.tenant_id, v.document_id == d.id)
listed = exists().where(a.tenant_id == d.tenant_id, a.document_id == d.id)
hop = select(func.min(j.tenant_id).label("tenant")).where(j.state == "q").cte("hop", recursive=True)
hops = hop.union_all(
    select(select(func.min(j.tenant_id)).where(j.tenant_id > hop.c.tenant).scalar_subquery()).where(hop.c.tenant != "")
)
other = aliased(J)
mapped = registry()


@mapped.mapped
class Entity:
    """An ORM's view of the table, which brings statements of its own with it."""

    __table__ = D


class Lying(TypeDecorator[str]):
    """A type that writes SQL: whatever it is compared with equals itself."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:  # noqa: ARG002  # SQLAlchemy gives it
        return d.tenant_id


def ordered(statement: Any) -> Any:
    return statement.ordered_values((d.live_version, 1), (d.tenant_id, OTHER))


SOUND: dict[str, Any] = {
    "a table bound to the tenant": ids,
    "a literal is a value": select(d.id).where(d.tenant_id == literal(T)),
    "the tenant on the left": select(d.id).where(literal(T) == d.tenant_id),
    "one condition in an AND in an AND": select(d.id).where(and_(d.id == "x", and_(d.id != "y", mine))),
    "a table bound to one that is bound": select(d.id, v.version).join_from(D, V, of_mine).where(mine),
    "bound through the foreign key": select(d.id, v.version).join_from(D, V).where(mine),
    "bound by the condition of a join": select(d.id).select_from(join(D, V, and_(of_mine, mine))),
    "the right side of an outer join, by its condition": select(d.id).outerjoin_from(D, V, of_mine).where(mine),
    "an EXISTS that looks at the outer row": select(d.id).where(mine, listed),
    "NOT EXISTS of what is bound": select(d.id).where(mine, not_(listed)),
    "OR beside the bond": select(d.id).where(mine, or_(d.id == "x", listed)),
    "a scalar subquery of the outer row": select(
        d.id, select(a.sealed_principal).where(a.tenant_id == d.tenant_id).limit(1).scalar_subquery()
    ).where(mine),
    "an aliased table bound to the outer row": select(j.id).where(
        j.tenant_id == T, ~select(literal(1)).where(other.c.tenant_id == j.tenant_id).exists()
    ),
    "rows of a bound subquery": select(ids.subquery().c.id),
    "rows of a bound CTE": select(ids.cte("mine").c.id),
    "both sides of a union": ids.union_all(select(v.document_id).where(v.tenant_id == T)),
    "IN what is bound": delete(V).where(v.tenant_id == T, v.document_id.in_(ids)),
    "an update of bound rows": update(D).where(mine).values(live_version=1),
    "an update with RETURNING": update(D).where(mine).values(live_version=d.live_version + 1).returning(d.id),
    "an update by CASE": update(D).where(mine).values(folder_token=case({"x": "y"}, value=d.id)),
    "an insert of the tenant's row": insert(D).values(tenant_id=T, id="x"),
    "an insert of the tenant's rows": insert(D).values([{"tenant_id": T, "id": "x"}, {"tenant_id": T, "id": "y"}]),
    "one's own tenant": select(tables.tenants).where(tables.tenants.c.id == T),
    "no table at all": select(literal(1)),
    "functions that only count": select(func.count(), func.coalesce(func.sum(j.size), 0)).where(j.tenant_id == T),
    "a lock on what was read": select(j.id).where(j.tenant_id == T).with_for_update(skip_locked=True),
}

UNBOUND: dict[str, Any] = {
    "no condition": select(d.id),
    "another tenant": select(d.id).where(d.tenant_id == OTHER),
    "the bond under OR": select(d.id).where(or_(mine, d.id == "x")),
    "the bond under NOT": select(d.id).where(not_(mine)),
    "the bond in HAVING": select(d.tenant_id).group_by(d.tenant_id).having(mine),
    "the bond in a column": select(d.id, mine),
    "the bond in CASE": select(d.id).where(case((mine, true()), else_=true())),
    "unequal": select(d.id).where(d.tenant_id != T),
    "LIKE": select(d.id).where(d.tenant_id.like(T)),
    "IN": select(d.id).where(d.tenant_id.in_([T, OTHER])),
    "BETWEEN": select(d.id).where(d.tenant_id.between(T, "u")),
    "IS DISTINCT FROM": select(d.id).where(d.tenant_id.is_distinct_from(T)),
    "compared as a row of values": select(d.id).where(tuple_(d.tenant_id, d.id) == tuple_(T, "x")),
    "an expression of the column": select(d.id).where(d.tenant_id + "" == T),
    "lower()": select(d.id).where(func.lower(d.tenant_id) == T),
    "CAST": select(d.id).where(cast(d.tenant_id, String) == T),
    "a collation": select(d.id).where(d.tenant_id.collate("NOCASE") == T),
    "itself": select(d.id).where(d.tenant_id == d.tenant_id),
    "another column that is the tenant": select(d.id).where(d.id == T),
    "a join without the tenant": select(d.id).join_from(D, V, v.document_id == d.id).where(mine),
    "a table beside, in no condition": select(d.id, v.version).where(mine),
    "the left of an outer join, by its condition": select(d.id).outerjoin_from(D, V, and_(of_mine, mine)),
    "the left of an outer join, by its right side": select(d.id).select_from(
        D.outerjoin(V, and_(of_mine, v.tenant_id == T))
    ),
    "a full join": select(d.id).join_from(D, V, of_mine, full=True).where(mine, v.tenant_id == T),
    "the outer table bound in EXISTS alone": select(d.id).where(exists().where(a.tenant_id == d.tenant_id, mine)),
    "the outer table bound in NOT EXISTS": select(d.id).where(~exists().where(a.tenant_id == d.tenant_id, mine)),
    "EXISTS without the tenant": select(d.id).where(mine, exists().where(a.document_id == d.id)),
    "EXISTS of the outer table itself": select(d.id).where(mine, select(d.id).where(d.id == "x").exists()),
    "a subquery of the outer table, which is not the outer row": select(
        d.id, select(func.max(d.live_version)).scalar_subquery()
    ).where(mine),
    "a join within, with the outer table in it": select(d.id).where(
        mine, exists().select_from(join(A, D, a.document_id == d.id)).where(a.tenant_id == T)
    ),
    "a table two statements further out": select(d.id).where(
        mine,
        exists().where(v.tenant_id == d.tenant_id, exists().where(a.tenant_id == v.tenant_id, d.id == a.document_id)),
    ),
    "a subquery that means no outer row": select(d.id).where(
        mine, select(literal(1)).where(of_mine).correlate(None).exists()
    ),
    "a subquery that names its outer rows": select(d.id).where(
        mine, select(literal(1)).where(of_mine).correlate(D).exists()
    ),
    "a subquery that names what are no outer rows": select(d.id).where(
        mine, select(literal(1)).where(of_mine).correlate_except(V).exists()
    ),
    "a subquery in ORDER BY": ids.order_by(select(func.max(v.version)).scalar_subquery()),
    "a subquery in GROUP BY": ids.group_by(select(func.max(v.version)).scalar_subquery()),
    "a subquery in HAVING": ids.group_by(d.id).having(select(v.version).exists()),
    "a subquery in LIMIT": ids.limit(select(func.count(v.version)).scalar_subquery()),
    "a subquery in CASE": select(case((select(v.version).exists(), 1), else_=0)),
    "a subquery in a join's condition": select(d.id)
    .join_from(D, V, and_(of_mine, select(a.document_id).exists()))
    .where(mine),
    "rows of an unbound subquery": select(select(d.id).subquery().c.id),
    "rows of an unbound CTE": select(select(d.id).cte("all").c.id),
    "rows of an unbound CTE in a subquery": ids.where(d.id.in_(select(select(d.id).cte("all").c.id))),
    "a subquery in FROM, bound from without": select(
        (part := select(d.id, d.tenant_id).subquery()).c.id,
    ).where(part.c.tenant_id == T),
    "a recursive CTE": select(hops.c.tenant),
    "one side of a union": ids.union_all(select(v.document_id)),
    "a subquery in the order of a union": union_all(ids, ids).order_by(select(func.max(v.version)).scalar_subquery()),
    "a self join": select(d.id).join_from(D, copy := D.alias(), copy.c.id == d.id).where(mine),
    "a tenant in EXISTS, alone": select(select(j.id).exists()),
    "the installation": select(tables.installation),
    "all tenants": select(tables.tenants),
    "delete all": delete(D),
    "delete IN all": delete(V).where(v.tenant_id == T, v.document_id.in_(select(d.id))),
    "update all": update(D).where(d.id == "x").values(live_version=1),
    "update from a subquery": update(D).where(mine).values(live_version=select(func.max(v.version)).scalar_subquery()),
    "RETURNING a subquery": update(D).where(mine).values(live_version=1).returning(select(v.version).scalar_subquery()),
    "an insert of another's row": insert(D).values(tenant_id=OTHER, id="x"),
    "an insert of one other's row": insert(D).values([{"tenant_id": T}, {"tenant_id": OTHER}]),
    "an insert of nobody's row": insert(D).values(id="x"),
    "an insert of nothing yet": insert(D),
    "an insert with a subquery": insert(D).values(tenant_id=T, id=select(func.max(d.id)).scalar_subquery()),
}

UNKNOWN: dict[str, Any] = {
    "a text": text("select 1"),
    "a text as a column": select(text("1")).where(mine).select_from(D),
    "a literal column": select(literal_column("(select max(id) from documents)")).where(mine),
    "a text in ORDER BY": ids.order_by(text("(select 1)")),
    "a text in GROUP BY": ids.group_by(text("1")),
    "a text as the table": select(literal(1)).select_from(text("documents")),
    "a text with columns": text("select id from documents").columns(d.id),
    "a hint": ids.with_hint(D, "UNION SELECT 1"),
    "a hint at the end": ids.with_statement_hint("UNION SELECT id FROM documents"),
    "a prefix": ids.prefix_with("id FROM documents UNION SELECT"),
    "a suffix": ids.suffix_with("UNION SELECT id FROM documents"),
    "a prefix of an insert": insert(J).values(tenant_id=T).prefix_with("OR REPLACE"),
    "a prefix of a CTE": select(ids.cte("mine").prefix_with("x").c.id),
    "a suffix of a CTE": select(ids.cte("mine").suffix_with("x").c.id),
    "a hint within": ids.where(exists(select(a.document_id).where(a.tenant_id == T).with_hint(A, "x"))),
    "an operator": ids.where(d.id.op("= '' OR")("x")),
    "a label that is not quoted": select(d.id.label(quoted_name("x FROM documents --", quote=False))).where(mine),
    "a function that changes the tenant": select(func.set_config("app.tenant", OTHER, True)),
    "a function that runs SQL": select(func.query_to_xml("select * from documents", True, True, "")),
    "a function of a schema": select(func.evil.count()),
    "a function with a type that writes SQL": select(func.coalesce(d.id, type_=Lying)).where(mine),
    "a function as a table": select(func.json_each("[]").table_valued("value").c.value),
    "a value with a type that writes SQL": select(d.id).where(d.tenant_id == bindparam(None, T, Lying(), unique=True)),
    "a type put on": select(type_coerce(d.id, Lying)).where(mine),
    "a window": select(func.count().over(partition_by=d.id)).where(mine),
    "values as a table": select(values(column("x", Integer), name="documents").data([(1,)])),
    "a sample of a table": select((some := D.tablesample(func.bernoulli(1))).c.id).where(some.c.tenant_id == T),
    "a lateral subquery": select(lateral(ids).c.id),
    "a table by its name": select(table("documents", column("id"), column("tenant_id")).c.id),
    "a column by its name": ids.add_columns(column("sealed_text")),
    "a table of the same name": select(twin := Table("documents", MetaData(), Column("tenant_id", String))).where(
        twin.c.tenant_id == T
    ),
    "an alias that is called as a table": ids.where(
        exists().where((posing := V.alias("documents")).c.tenant_id == d.tenant_id)
    ),
    "an alias that is called almost as a table": ids.where(
        exists().where((posing2 := V.alias("Documents")).c.tenant_id == d.tenant_id)
    ),
    "a CTE that is called as a table": ids.where(
        exists()
        .where(a.tenant_id == d.tenant_id)
        .select_from(select(literal(OTHER).label("tenant_id")).cte("documents"))
    ),
    "two sources of one name": select(ids.cte("mine").c.id, ids.where(d.id == "x").cte("mine").c.id),
    "a table twice under one name": select(d.id).select_from(join(D, D, d.id == d.id)).where(mine),
    "an entity": select(Entity).where(mine),
    "a CTE beside the statement": ids.add_cte(select(v.version).cte("beside")),
    "a CTE beside a union": union_all(ids, ids).add_cte(select(v.version).cte("beside")),
    "a CTE beside a statement within": ids.where(select(literal(1)).add_cte(select(v.version).cte("beside")).exists()),
    "a delete in a CTE": select(delete(D).where(mine).returning(d.id).cte("gone").c.id),
    "other columns than were joined": select(d.id).join_from(D, V, of_mine).with_only_columns(v.version).where(mine),
    "options of its own": ids.execution_options(schema_translate_map={None: "backup"}),
    "options of another": ids.options(*[]).params(tenant_id_1=OTHER),
    "DISTINCT ON a text": ids.ext(postgresql.distinct_on(literal_column("(select 1)"))),
    "an update of two tables": update(D).where(mine, v.document_id == d.id).values(live_version=v.version),
    "an update by a second table": update(D).where(mine).values(live_version=v.version),
    "a delete by two tables": delete(D).where(mine, v.document_id == d.id),
    "RETURNING another table": update(D).where(mine).values(live_version=1).returning(v.version),
    "a row given away": update(D).where(mine).values(tenant_id=OTHER),
    "a row given away by its column": update(D).where(mine).values({d.tenant_id: OTHER}),
    "a row given away among others": ordered(update(D).where(mine)),
    "a tenant renamed": update(tables.tenants).where(tables.tenants.c.id == T).values(id=OTHER),
    "an insert from a select": insert(D).from_select(["tenant_id", "id"], select(d.tenant_id, d.id).where(mine)),
    "an insert of an expression": insert(D).values(tenant_id=func.lower(T)),
    "an insert of a value to come": insert(D).values(tenant_id=bindparam("x", T)),
    "an insert of a value found later": insert(D).values(tenant_id=bindparam("x", T, unique=True, callable_=str)),
    "an insert of many with a subquery": insert(D).values(
        [{"tenant_id": T, "id": select(func.max(d.id)).scalar_subquery()}, {"tenant_id": T, "id": "x"}]
    ),
    "an insert that updates another's row": sqlite.insert(J)
    .values(tenant_id=T, id="x")
    .on_conflict_do_update(index_elements=["id"], set_={"tenant_id": T}),
    "an insert that updates, as PostgreSQL has it": postgresql.insert(J)
    .values(tenant_id=T, id="x")
    .on_conflict_do_update(index_elements=["id"], set_={"state": "x"}, where=text("true")),
    "a value that can be replaced": select(d.id).where(d.tenant_id == bindparam("x", T)),
    "a value found later": select(d.id).where(d.tenant_id == bindparam("x", T, unique=True, callable_=lambda: OTHER)),
    "a value of many": select(d.id).where(d.tenant_id == bindparam("x", T, unique=True, expanding=True)),
    "a kind of select of one's own": type("Mine", (Select,), {"inherit_cache": True})(d.id).where(mine),
    "a function": func.count(),
    "no statement": "SELECT id FROM documents",
}

PLAINLY_SHARED: dict[str, Any] = {
    "the queue over all tenants": select(j.id, j.tenant_id).where(j.state == "queued"),
    "tenants in turn, by a recursive CTE": select(hops.c.tenant).order_by(
        select(func.count()).where(j.tenant_id == hops.c.tenant).scalar_subquery()
    ),
    "whose a key is": select(tables.tenants)
    .join_from(tables.tenants, tables.key_lookups)
    .where(tables.key_lookups.c.id == "x"),
    "a ticket of any tenant": update(J).where(j.id == "x").values(state="queued"),
}

PARAMETERS: dict[str, tuple[Any, Any]] = {
    "a select's value by its name in the SQL": (ids, {"tenant_id_1": OTHER}),
    "an update's value by its name": (update(D).where(mine).values(live_version=1), {"tenant_id_1": OTHER}),
    "a column to set": (update(D).where(mine), {"tenant_id": OTHER}),
    "many updates": (update(D).where(mine, d.id == bindparam("x")), [{"x": "1", "tenant_id": OTHER}]),
    "a delete's value by its name": (delete(D).where(mine), {"tenant_id_1": OTHER}),
    "a row of another": (insert(D), {"tenant_id": OTHER}),
    "one row of another among many": (insert(D), [{"tenant_id": T}, {"tenant_id": OTHER}]),
    "a row of nobody": (insert(D), [{"tenant_id": T}, {"id": "x"}]),
    "rows by position": (insert(D), [(T, "x")]),
    "rows in a tuple": (insert(D), ({"tenant_id": T},)),
    "a row to replace the written one": (insert(D).values(tenant_id=T), {"tenant_id": OTHER}),
    "the second row's value by its name": (
        insert(D).values([{"tenant_id": T}, {"tenant_id": T}]),
        {"tenant_id": T, "tenant_id_m1": OTHER},
    ),
    "an expression": (insert(D), {"tenant_id": func.lower(T)}),
}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_sound", set())


@pytest.fixture(scope="module")
def sound_forms() -> frozenset[object]:
    return frozenset(guard._form(statement, T) for statement in SOUND.values()) - {None}


@pytest.fixture
def all_sound_known(nothing_known: None, sound_forms: frozenset[object]) -> None:
    """As after a while: whatever passes has passed before."""
    guard._sound.update(sound_forms)


@pytest.mark.parametrize("statement", SOUND.values(), ids=SOUND)
def test_what_is_bound_to_the_tenant_passes(statement: Any) -> None:
    check(statement, None, T)
    check(statement, None, T)
    if statement is not SOUND["no table at all"]:
        with pytest.raises(UnscopedStatement):
            check(statement, None, OTHER)


@pytest.mark.parametrize("statement", [*UNBOUND.values(), *UNKNOWN.values()], ids=[*UNBOUND, *UNKNOWN])
def test_what_is_not_bound_or_not_known_is_refused(statement: Any, all_sound_known: None) -> None:
    for _ in range(2):
        with pytest.raises(UnscopedStatement):
            check(statement, None, T)


@pytest.mark.parametrize("statement", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_refused_over_all_tenants_too(statement: Any) -> None:
    with pytest.raises(UnscopedStatement):
        check(statement, None, SHARED)


@pytest.mark.parametrize("statement", PLAINLY_SHARED.values(), ids=PLAINLY_SHARED)
def test_the_queue_is_asked_over_all_tenants_and_for_none(statement: Any) -> None:
    check(statement, None, SHARED)
    for tenant in (T, "", None):
        with pytest.raises(UnscopedStatement):
            check(statement, None, tenant)  # type: ignore[arg-type]  # what no type checker lets through


@pytest.mark.parametrize("name", sorted(tables.metadata.tables))
def test_a_table_is_read_over_all_tenants_only_if_it_holds_no_content(name: str) -> None:
    one = tables.metadata.tables[name]
    for statement in (select(one), delete(one), select(literal(1)).where(select(one).exists())):
        with pytest.raises(UnscopedStatement):
            check(statement, None, T)
        if one in tables.SHARED:
            check(statement, None, SHARED)
        else:
            with pytest.raises(UnscopedStatement):
                check(statement, None, SHARED)


@pytest.mark.parametrize(("statement", "parameters"), PARAMETERS.values(), ids=PARAMETERS)
def test_values_sent_beside_the_statement_replace_nothing(statement: Any, parameters: Any) -> None:
    for sound in (ids, update(D).where(mine), update(D).where(mine).values(live_version=1), delete(D).where(mine)):
        check(sound, None, T)
    with pytest.raises(UnscopedStatement):
        check(statement, parameters, T)


def test_rows_sent_beside_an_insert_are_looked_at_each_time() -> None:
    statement = insert(D)
    check(statement, [{"tenant_id": T, "id": "x"}, {"tenant_id": T, "id": "y"}], T)
    with pytest.raises(UnscopedStatement):
        check(statement, [{"tenant_id": T, "id": "x"}, {"tenant_id": OTHER, "id": "y"}], T)


def by(value: Any, *more: Any) -> Any:
    return select(d.id).where(d.tenant_id == value, *more)


@pytest.mark.parametrize(
    ("statement", "tenant"),
    [
        (by(OTHER), T),
        (by(T), OTHER),
        (by(T), SHARED),
        (by(bindparam("tenant_id", T)), T),
        (by(bindparam(None, T)), T),
        (by(bindparam("tenant_id", T, unique=True, callable_=lambda: OTHER)), T),
        (by(bindparam("tenant_id", T, unique=True, expanding=True)), T),
        (by(bindparam("tenant_id", T, Lying(), unique=True)), T),
        (by(T).params(tenant_id_1=OTHER), T),
        (by(T).execution_options(schema_translate_map={None: "x"}), T),
        (by(OTHER, d.id == T), T),
        (by(T).correlate(D), T),
        (by(T).with_hint(D, "x"), T),
        (select(D.alias().c.id).where(d.tenant_id == T), T),
    ],
)
def test_a_form_that_passed_lets_no_other_statement_pass(statement: Any, tenant: Any) -> None:
    check(by(T), None, T)
    check(by(T, d.id == "x"), None, T)
    assert len(guard._sound) == 2
    with pytest.raises(UnscopedStatement):
        check(statement, None, tenant)


def test_a_form_is_known_for_every_tenant_and_every_number_of_values() -> None:
    for tenant in ("t1", "t2", "t3"):
        for many in (["a"], ["a", "b"]):
            check(select(d.id).where(d.tenant_id == tenant, d.id.in_(many)), None, TenantId(tenant))
    assert len(guard._sound) == 1


def test_no_more_forms_are_kept_than_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_MOST_FORMS", 2)
    for count in range(1, 5):
        check(ids.where(*[d.id == "x"] * count), None, T)
    assert len(guard._sound) == 2
