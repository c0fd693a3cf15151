"""The migration to one person for a number: spellings, channels, withheld callers, and what agents took apart."""

from __future__ import annotations

import psycopg

from hub.core.migrate import FOLDER, migrate
from tests.support.postgres import other_database

BEFORE = [  # (contact, kind, value, number)
    (1, "whatsapp", "+5215512345678", None),
    (2, "phone", "+525512345678", None),
    (3, "phone", "+14155550101", None),
    (4, "whatsapp", "US.one", "+14155550101"),
    (5, "whatsapp", "US.two", "+14155550102"),
    (6, "phone", "+14155550102", None),
    (7, "phone", "+266696687", None),
    (8, "whatsapp", "+551187654321", None),
    (9, "whatsapp", "+5511987654321", None),
]


def test_people_are_met_when_an_older_database_has_them_twice(database_url: str) -> None:
    with other_database(database_url) as url:
        migrate(url)
        with psycopg.connect(url) as conn:
            conn.execute("drop table phone_person; alter table address drop column reported")
            for contact, kind, value, number in BEFORE:
                conn.execute(
                    "insert into contact (id, root_id, name) overriding system value values (%s, %s, '')",
                    [contact, contact],
                )
                conn.execute(
                    "insert into address (contact_id, kind, value, number) values (%s, %s, %s, %s)",
                    [contact, kind, value, number],
                )
            conn.execute("insert into contact_link (contact_id, into_id, undone_at) values (6, 5, now())")
            conn.execute((FOLDER / "0029_numbers.sql").read_text(encoding="utf-8"))  # pyright: ignore[reportArgumentType, reportCallIssue] - our own file
            rows = conn.execute(
                "select a.contact_id, a.kind, a.value, a.reported, c.root_id, c.name"
                " from address a join contact c on c.id = a.contact_id order by 1"
            ).fetchall()
    assert rows == [
        (1, "whatsapp", "+525512345678", "+5215512345678", 1, ""),
        (2, "phone", "+525512345678", None, 1, ""),
        (3, "phone", "+14155550101", None, 3, ""),
        (4, "whatsapp", "US.one", None, 3, ""),
        (5, "whatsapp", "US.two", None, 5, ""),
        (6, "phone", "+14155550102", None, 6, ""),  # an agent took them apart
        (7, "visitor", "withheld:+266696687", None, 7, "Number withheld"),
        (8, "whatsapp", "+551187654321", None, 8, ""),  # the other has the form; they are linked
        (9, "whatsapp", "+5511987654321", None, 8, ""),
    ]
