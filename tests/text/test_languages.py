"""Documents in another language are noticed; nothing in English ever is, whatever it looks like."""

from __future__ import annotations

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.text.languages import OTHER_SCRIPT, guess_language, is_other_language

FOREIGN = {
    "de": "Die Bibliothek ist von Montag bis Freitag von 9 bis 12 Uhr sowie nach Vereinbarung geöffnet. Bücher können "
    "für drei Wochen ausgeliehen werden, und eine Verlängerung ist nicht möglich, wenn sie bestellt wurden.",
    "fr": "La bibliothèque est ouverte du lundi au vendredi. Les livres sont prêtés pour trois semaines, mais une "
    "prolongation est possible si nous avons leur accord avec cette demande, et elle dure peut-être deux semaines.",
    "es": "La biblioteca está abierta de lunes a viernes, pero los libros que se prestan son para tres semanas. "
    "También "
    "es posible una prórroga cuando no han sido reservados, como se explica en esta página sobre los préstamos.",
    "it": "La biblioteca è aperta dal lunedì al venerdì e i libri che sono presi in prestito possono essere tenuti per "
    "tre settimane. Non è possibile una proroga quando si ha una prenotazione anche nella sede della città.",
    "pt": "A biblioteca está aberta de segunda a sexta e os livros que são emprestados podem ficar por três "
    "semanas. Não "
    "é possível uma prorrogação quando já foi feita também uma reserva pelo leitor, como se explica ao lado.",
    "nl": "De bibliotheek is van maandag tot vrijdag geopend en het lenen van boeken kan voor drie weken. Een "
    "verlenging "
    "wordt niet gegeven als er ook een reservering bij ons is, maar men kan deze aan het loket vragen.",
    "da": "Biblioteket er åbent fra mandag til fredag, og bøger kan lånes i tre uger. Det er ikke muligt at få dem "
    "forlænget, som det også står på siden, hvis de har været bestilt af en anden eller efter fristen.",
    "sv": "Biblioteket är öppet från måndag till fredag och böcker kan lånas i tre veckor. Det är inte möjligt att "
    "förlänga ett lån som har beställts av en annan, och efter fristen är det också för sent att fråga.",
    "pl": "Biblioteka jest otwarta od poniedziałku do piątku, a książki wypożycza się na trzy tygodnie. Nie można ich "
    "przedłużyć, jak także napisano na stronie, jeżeli był już ktoś, który je zamówił dla siebie lub przez telefon.",
    "cs": "Knihovna je otevřena od pondělí do pátku a knihy se půjčují na tři týdny. Jejich prodloužení není možné, "
    "jako je také napsáno ve vchodu, že byly při návratu nebo pro jiného čtenáře rezervovány, které se musí vrátit.",
    "fi": "Kirjasto on avoinna maanantaista perjantaihin ja kirjat ovat lainassa kolme viikkoa. Laina ei uusiudu, "
    "jos se "
    "oli jo varattu, mutta asiakas voi kysyä myös tiskiltä, kun hän tai joku muu palauttaa sen niin kuin pitää.",
    "ro": "Biblioteca este deschisă de luni până vineri, iar cărțile care sunt împrumutate pot fi ținute trei "
    "săptămâni. "
    "Nu este posibilă o prelungire pentru cele care au fost rezervate prin telefon sau din această sală, dar se poate "
    "întreba.",
    "hu": "A könyvtár hétfőtől péntekig van nyitva, és a könyveket három hétre lehet kölcsönözni. Nem lehet "
    "meghosszabbítani "
    "azt, ami már valaki másnak van félretéve, vagy ha az olvasó csak telefonon kérte, mint minden más esetben, "
    "hogy ez "
    "volt, meg kell kérdezni.",
    "tr": "Kütüphane pazartesiden cumaya kadar açıktır ve kitaplar üç hafta için ödünç verilir. Bir kitap başkası için "
    "ayrılmış olarak bekliyorsa bu süre uzatılmaz, daha sonra telefon ile sorulabilir, çok acil değil gibi.",
    "vi": "Thư viện mở cửa từ thứ hai đến thứ sáu và các sách có thể mượn trong ba tuần. Không được gia hạn cho những "
    "sách đã có người đặt trước, với này là quy định của thư viện khi mượn một cuốn.",
    "id": "Perpustakaan buka dari hari Senin dan Jumat, buku yang dipinjam dapat disimpan untuk tiga minggu. "
    "Perpanjangan "
    "tidak akan diberikan pada buku yang telah dipesan oleh orang lain atau dengan telepon, ini juga aturan itu.",
    OTHER_SCRIPT: "Библиотека открыта с понедельника по пятницу, и книги выдаются на три недели. Продлить их нельзя.",
}
ENGLISH = {
    "price list": "Item | Price\n"
    + "\n".join(f"{name} | {i}.50 EUR" for i, name in enumerate(["Coffee", "Tea", "Scone", "Bagel", "Muffin"] * 6)),
    "addresses": "12 Rue de la Paix, Paris\n4 Avenue des Champs, Lyon\nVia della Conciliazione 4, Roma\nUnter den "
    "Linden 7, "
    "Berlin\nPlaza de la Constitución 3, Sevilla\nVan der Waalsstraat 8, Delft\nLos Angeles, San Juan de los Lagos\n"
    * 3,
    "menu": "Coq au vin 18.00\nSoupe à l'oignon 7.50\nTarte aux pommes 6.00\nCrème brûlée 6.50\nPollo con arroz "
    "14.00\nTacos "
    "de carne 11.00\nSpaghetti alla carbonara 13.00\nTiramisu della casa 6.00\nSauerkraut mit Wurst 12.00\n" * 2,
    "names": "Hans Müller, Jean-Luc de la Tour, María del Carmen Pérez, Jan van der Berg, Gianni di Stefano, José "
    "da Silva, "
    "Lars von Trier, Anne-Marie le Pen, Ludwig van Beethoven, Vincent van Gogh, Leonardo da Vinci, Otto von Bismarck",
    "code": "for i in range(10): print(i)\nimport os, sys\ndef main(argv): return 0\nif __name__ == '__main__': "
    "main(sys.argv)\n" * 4,
    "telegram": "Staff must wear badges. Visitors sign book. Doors close 18:00. Parking free. Dogs not allowed. "
    "Cash only. Card "
    "payments accepted above ten pounds. Ask reception. Lost property kept one month.",
    "quotations": "The motto of the town is 'ich bin ein Berliner und das ist auch gut so', and the mayor of the "
    "city says that "
    "it was taken from a speech which was given in 1963 and is on the walls of the town hall for all to read.",
    "titles": "Der Prozess, 1925. Die Verwandlung, 1915. Das Schloss, 1926. In der Strafkolonie, 1919. Ein "
    "Landarzt, 1918. "
    "Der Heizer, 1913. Das Urteil, 1913. Ein Hungerkünstler, 1922. Betrachtung, 1912.",
    "numbers": "1 2 3 4 5 6 7 8 9 10 " * 20,
    "nothing": "",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_another_language_is_noticed(language):
    assert guess_language(FOREIGN[language]) == language and is_other_language(FOREIGN[language], "en")


@pytest.mark.parametrize("kind", ENGLISH)
def test_nothing_in_english_is_taken_for_another_language(kind):
    assert not is_other_language(ENGLISH[kind], "en")


def test_english_documents_are_noticed_where_another_language_is_asked_for():
    text = "The library is open from Monday to Friday, and books can be kept for three weeks unless they are reserved."
    assert guess_language(text) == "en" and is_other_language(text, "de-AT") and not is_other_language(text, "en-GB")
    assert not is_other_language(FOREIGN["fr"], "de")  # only English is told from the others


def test_letters_and_their_accents_may_come_apart():
    import unicodedata

    assert guess_language(unicodedata.normalize("NFD", FOREIGN["de"])) == "de"


@pytest.mark.parametrize(
    "name", ["xquad/xquad.en.json", "policyqa/train.json", "policyqa/validation.json", "subjqa/grocery_dev.csv"]
)
def test_no_english_context_of_public_data_is_taken_for_another_language(real_data, name):
    rows = load_examples(real_data / name, require_answers=False, max_bad_fraction=1.0)[0]
    for context in sorted({row["context"] for row in rows}):
        words = context.split()
        pieces = [" ".join(words[start : start + 30]) for start in range(0, len(words), 30)]
        assert not any(is_other_language(text, "en") for text in (context, *pieces)), context


@pytest.mark.parametrize(("code", "language"), [("de", "de"), ("zh", OTHER_SCRIPT)])
def test_documents_of_public_data_in_other_languages_are_noticed(real_data, code, language):
    rows = load_examples(real_data / "xquad" / f"xquad.{code}.json", require_answers=False)[0]
    contexts = sorted({row["context"] for row in rows})
    assert sum(guess_language(text) == language for text in contexts) > 0.95 * len(contexts)
    documents = ["\n\n".join(contexts[start : start + 5]) for start in range(0, len(contexts), 5)]
    assert all(guess_language(text) == language for text in documents)
