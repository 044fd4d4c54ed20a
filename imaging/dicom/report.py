"""The report of one run of pseudonymisation: what was done to which attribute how often, and never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Literal

from pydantic import JsonValue
from pydicom.datadict import dictionary_keyword
from pydicom.tag import BaseTag

from imaging.dicom.batch import Batch
from imaging.dicom.confidentiality import EDITION
from imaging.dicom.decisions import Action
from imaging.dicom.profile import Profile

Language = Literal["en", "fr"]

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Report of pseudonymisation",
        "intro": "What was done to which attribute of the files, and how often. The report holds no value of any file.",
        "files": "Files",
        "written": "written",
        "duplicates": "duplicates",
        "held": "not written",
        "profile": "Profile",
        "options": "Options",
        "why": "Why files were not written",
        "actions": "What was done",
        "attribute": "Attribute",
        "table": "PS3.15 Table E.1-1, edition",
    },
    "fr": {
        "title": "Rapport de pseudonymisation",
        "intro": "Ce qui a été fait à quel attribut des fichiers, et combien de fois. Aucune valeur n’y figure.",
        "files": "Fichiers",
        "written": "écrits",
        "duplicates": "doublons",
        "held": "non écrits",
        "profile": "Profil",
        "options": "Options",
        "why": "Pourquoi des fichiers n’ont pas été écrits",
        "actions": "Ce qui a été fait",
        "attribute": "Attribut",
        "table": "PS3.15, tableau E.1-1, édition",
    },
}
_COLON: Mapping[str, str] = {"en": ":", "fr": "\N{NO-BREAK SPACE}:"}
_YES_OR_NO: Mapping[str, Mapping[bool, str]] = {"en": {True: "yes", False: "no"}, "fr": {True: "oui", False: "non"}}

_ACTIONS: Mapping[str, Mapping[Action, str]] = {
    "en": {
        Action.REMOVE: "removed",
        Action.BLANK: "emptied",
        Action.DUMMY: "dummy value",
        Action.KEEP: "kept as it was",
        Action.NUMBER: "number kept",
        Action.BYTES: "table kept if its length fits",
        Action.TIME: "time of day kept",
        Action.DATE: "date moved",
        Action.TURN: "time of day moved",
        Action.BIRTH: "birth date by profile",
        Action.AGE: "age capped",
        Action.TERM: "defined terms kept",
        Action.TEXT: "known words kept",
        Action.UID: "new UID",
        Action.SUBJECT: "pseudonym",
        Action.IDENTIFIER: "keyed identifier",
        Action.CODE: "public code kept",
        Action.DESCEND: "content treated",
    },
    "fr": {
        Action.REMOVE: "supprimé",
        Action.BLANK: "vidé",
        Action.DUMMY: "valeur factice",
        Action.KEEP: "conservé tel quel",
        Action.NUMBER: "nombre conservé",
        Action.BYTES: "table conservée si sa longueur convient",
        Action.TIME: "heure conservée",
        Action.DATE: "date décalée",
        Action.TURN: "heure décalée",
        Action.BIRTH: "date de naissance selon le profil",
        Action.AGE: "âge plafonné",
        Action.TERM: "termes définis conservés",
        Action.TEXT: "mots connus conservés",
        Action.UID: "nouvel UID",
        Action.SUBJECT: "pseudonyme",
        Action.IDENTIFIER: "identifiant à clé",
        Action.CODE: "code public conservé",
        Action.DESCEND: "contenu traité",
    },
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a2430}"
    "h1{font-size:1.6rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5dce3}td.n,th.n{text-align:right}"
    ".bar{background:#cfe8ee;height:.6rem;border-radius:2px}"
    "dl{display:grid;grid-template-columns:14rem 1fr}dd{margin:0}"
)


def describe_run(batch: Batch, profile: Profile) -> dict[str, JsonValue]:
    """Give the report as JSON: counts per attribute and action, the profile, and the outcome of the files."""
    return {
        "files": batch.files,
        "written": batch.written,
        "duplicates": batch.duplicates,
        "reasons": {**batch.reasons},
        "edition": EDITION,
        "profile": {**profile.model_dump(mode="json"), "hash": profile.hash},
        "attributes": {
            name: {action.value: count for action, count in counts.items()}
            for name, counts in _count_actions(batch).items()
        },
    }


def render_run(batch: Batch, profile: Profile, language: Language) -> str:
    """Give the report as a page of its own, without scripts or outside resources."""
    words, said = _WORDS[language], _ACTIONS[language]
    by_attribute = _count_actions(batch)
    totals: Counter[Action] = Counter()
    for counts in by_attribute.values():
        totals.update(counts)
    most = max(totals.values(), default=1)
    summary = [
        f"<tr><td>{escape(said[action])}</td><td class=n>{count}</td>"
        f'<td style="width:50%"><div class=bar style="width:{100 * count / most:.1f}%"></div></td></tr>'
        for action, count in totals.most_common()
    ]
    rows = [
        f"<tr><td>{escape(name)}</td><td>{escape(said[action])}</td><td class=n>{count}</td></tr>"
        for name, counts in by_attribute.items()
        for action, count in counts.most_common()
    ]
    why = [
        f"<tr><td>{escape(reason)}</td><td class=n>{count}</td></tr>" for reason, count in batch.reasons.most_common()
    ]
    options = [
        f"<dt>{escape(name)}</dt><dd>{escape(_tell_option(value, language))}</dd>"
        for name, value in profile.model_dump(mode="json").items()
    ]
    held = f"{len(batch.quarantined)} {words['held']}"
    return (
        f"<!doctype html><html lang={language}><meta charset=utf-8><title>{words['title']}</title>"
        f"<style>{_STYLE}</style><h1>{words['title']}</h1><p>{words['intro']}</p>"
        f"<p><strong>{words['files']}{_COLON[language]} {batch.files}</strong> = {batch.written} {words['written']}"
        f" + {batch.duplicates} {words['duplicates']} + {held}</p>"
        + (f"<h2>{words['why']}</h2><table>{''.join(why)}</table>" if why else "")
        + f"<h2>{words['profile']}</h2><p>{words['table']} {EDITION}</p><dl>{''.join(options)}</dl>"
        f"<h2>{words['actions']}</h2><table>{''.join(summary)}</table>"
        f"<h2>{words['attribute']}</h2><table>{''.join(rows)}</table></html>\n"
    )


def _tell_option(value: JsonValue, language: Language) -> str:
    return _YES_OR_NO[language][value] if isinstance(value, bool) else str(value)


def _count_actions(batch: Batch) -> dict[str, Counter[Action]]:
    """Count what was done to each attribute, by name in order."""
    counts: dict[str, Counter[Action]] = {}
    for (tag, action), count in batch.tally.items():
        counts.setdefault(_name_of(tag), Counter())[action] += count
    return dict(sorted(counts.items()))


def _name_of(tag: int) -> str:
    """Give the keyword of an attribute for a report; a private or unknown one by its group alone."""
    try:
        return dictionary_keyword(BaseTag(tag)) or f"({tag >> 16:04x},xxxx)"
    except KeyError:
        return f"({tag >> 16:04x},xxxx)"
