"""Rows of ontologies and terms."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import RowMapping, delete, func, insert, or_, select, union_all, update

from imaging.domain.base import OntologyKey, ProjectKey, TermKey, UserKey
from imaging.domain.ontology import CodedConcept, Ontology, Term
from imaging.store.database import Transaction
from imaging.store.schema import annotation_term, image_term, member, ontology, project, segmentation_term, term

LAST_VALUE = 65535


def insert_ontology(transaction: Transaction, record: Ontology) -> None:
    """Add an ontology without terms."""
    transaction.execute(insert(ontology).values(record.model_dump(exclude={"projects"}) | {"next_value": 1}))


def get_ontology(transaction: Transaction, key: OntologyKey, *, seen_by: UserKey | None = None) -> Ontology | None:
    """Find by id; `seen_by` restricts to what that user may see, and hides the projects of others."""
    found = _list(transaction, key=key, seen_by=seen_by)
    return found[0] if found else None


def list_ontologies(transaction: Transaction, user: UserKey) -> list[Ontology]:
    """What the user made or uses in a project, oldest first."""
    return _list(transaction, key=None, seen_by=user)


def update_ontology(transaction: Transaction, key: OntologyKey, values: Mapping[str, object]) -> None:
    """Change columns and count the version up."""
    statement = update(ontology).where(ontology.c.id == key)
    transaction.execute(statement.values(version=ontology.c.version + 1, **values))


def delete_ontology(transaction: Transaction, key: OntologyKey) -> None:
    """Remove an ontology and its terms."""
    transaction.execute(update(term).where(term.c.ontology == key).values(parent=None))
    transaction.execute(delete(term).where(term.c.ontology == key))
    transaction.execute(delete(ontology).where(ontology.c.id == key))


def in_use(transaction: Transaction, key: OntologyKey) -> bool:
    """Whether any project, the user's or not, works with this ontology."""
    statement = select(func.count()).select_from(project).where(project.c.ontology == key)
    return bool(transaction.execute(statement).scalar_one())


def take_value(transaction: Transaction, key: OntologyKey) -> int:
    """Take the next voxel value; a value is never given twice, even after its term is gone."""
    statement = (
        update(ontology)
        .where(ontology.c.id == key)
        .values(next_value=ontology.c.next_value + 1)
        .returning(ontology.c.next_value)
    )
    return int(transaction.execute(statement).scalar_one()) - 1


def insert_term(transaction: Transaction, record: Term) -> None:
    """Add a term."""
    values = record.model_dump(exclude={"concept"}) | concept_columns(record.concept)
    transaction.execute(insert(term).values(values))


def update_term(transaction: Transaction, key: TermKey, values: Mapping[str, object]) -> None:
    """Change columns and count the version up."""
    transaction.execute(update(term).where(term.c.id == key).values(version=term.c.version + 1, **values))


def delete_term(transaction: Transaction, key: TermKey) -> None:
    """Remove a term; its children move up to the top."""
    transaction.execute(update(term).where(term.c.parent == key).values(parent=None))
    transaction.execute(delete(term).where(term.c.id == key))


def list_terms(transaction: Transaction, key: OntologyKey) -> list[Term]:
    """The terms of an ontology by voxel value."""
    statement = select(term).where(term.c.ontology == key).order_by(term.c.value)
    return [read_term(row) for row in transaction.execute(statement).mappings()]


def get_term(transaction: Transaction, key: TermKey) -> Term | None:
    """Find by id."""
    row = transaction.execute(select(term).where(term.c.id == key)).mappings().one_or_none()
    return None if row is None else read_term(row)


def count_uses(transaction: Transaction, key: TermKey) -> int:
    """How many annotations, images and segmentations carry the term."""
    uses = union_all(
        *(
            select(func.count().label("n")).select_from(table).where(table.c.term == key)
            for table in (annotation_term, image_term, segmentation_term)
        )
    ).subquery()
    return int(transaction.execute(select(func.sum(uses.c.n))).scalar_one())


def read_term(row: RowMapping) -> Term:
    """Build the record from a row of `term`."""
    values = {name: row[name] for name in Term.model_fields if name != "concept"}
    concept = None
    if row["concept_value"] is not None:
        concept = CodedConcept(value=row["concept_value"], scheme=row["concept_scheme"], meaning=row["concept_meaning"])
    return Term(**values, concept=concept)


def concept_columns(concept: CodedConcept | None) -> dict[str, object]:
    """The three columns of a coded concept."""
    return {
        "concept_value": concept and concept.value,
        "concept_scheme": concept and concept.scheme,
        "concept_meaning": concept and concept.meaning,
    }


def _list(transaction: Transaction, *, key: OntologyKey | None, seen_by: UserKey | None) -> list[Ontology]:
    users = select(project.c.id, project.c.ontology)
    if seen_by is not None:
        users = users.where(project.c.id.in_(select(member.c.project).where(member.c.account == seen_by)))
    if key is not None:
        users = users.where(project.c.ontology == key)
    projects: dict[int, list[ProjectKey]] = {}
    for row in transaction.execute(users.order_by(project.c.id)):
        projects.setdefault(row.ontology, []).append(ProjectKey(row.id))
    statement = select(ontology).order_by(ontology.c.id)
    if key is not None:
        statement = statement.where(ontology.c.id == key)
    if seen_by is not None:
        statement = statement.where(or_(ontology.c.creator == seen_by, ontology.c.id.in_(list(projects))))
    return [
        Ontology(
            id=OntologyKey(row.id),
            name=row.name,
            creator=UserKey(row.creator),
            projects=tuple(projects.get(row.id, ())),
            created=row.created,
            version=row.version,
        )
        for row in transaction.execute(statement)
    ]
