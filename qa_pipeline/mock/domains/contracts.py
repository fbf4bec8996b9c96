"""Contracts: supply agreements between firms and leases of buildings."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain, Topic, attribute
from qa_pipeline.mock.names import pool

AGREEMENTS = Topic(
    name="agreements",
    entities=("the {party} Agreement",),
    pronouns=("it", "this agreement", "that agreement"),
    openings=(
        "This schedule summarises {all}, which {firm} keeps on file.",
        "The legal team reviewed {all} during the audit in {town}.",
    ),
    fillers=(
        "The register of contracts was moved to {town} on {date:2015-2023} and holds {int:120-980} entries.",
        "The audit itself lasted {words:3-12} weeks and was billed at {money:4000-60000:500}.",
        "{forename} {surname}, a partner at {firm} Legal, checked every page twice within {words:2-9} days.",
        "Copies are kept for {words:6-15} years in a vault on {street} Street.",
        "About {int:4-40}% of the older files were scanned by {firm} Archives at {money:1000-9000:100} a month.",
    ),
    attributes=(
        attribute("""
            value: money
            {money:20000-950000:1000}
            The [total value|contract sum] of {e} is {v}.
            {e} is worth {v} over its whole life.
            Under {e}, the [client|buyer] pays {v} in all.
            {e} is worth {v}, [while|whereas] {e2} is worth {v2}.
            How much is {e} worth?
            What is the [total value|contract sum] of {e}?
            What does the buyer pay in all under {e}?
        """),
        attribute("""
            penalty: money
            {money:200-9500:50}
            Late delivery under {e} costs the supplier {v} a day.
            {e} sets a penalty of {v} for each day of delay.
            For every day lost, {e} lets the buyer deduct {v}.
            A day of delay is fined {v} under {e} and {v2} under {e2}.
            What does a day of delay cost under {e}?
            What penalty does {e} set for late delivery?
            How much may the buyer deduct for every day lost under {e}?
        """),
        attribute("""
            liability: money
            {money:50000-990000:10000}
            Liability under {e} is [capped at|limited to] {v}.
            Claims for damage arising from {e} cannot exceed {v}.
            {e} limits what either side can be made to pay in damages to {v}.
            Damages are capped at {v} in {e} and at {v2} in {e2}.
            What is the cap on liability under {e}?
            To what amount are damages limited by {e}?
            How much can claims for damage arising from {e} come to at most?
        """),
        attribute("""
            notice: duration
            {int:10-90:5} days
            {words:2-9} [weeks|months]
            Either party may [end|terminate|leave] {e} by giving {v} notice.
            To get out of {e}, {v} of written warning must be given.
            The notice period in {e} is {v}.
            {e} can be ended with {v} notice, [but|while] {e2} needs {v2}.
            How much notice must be given to [end|terminate|leave] {e}?
            What is the notice period in {e}?
            How far ahead must a party that wants to get out of {e} give warning?
        """),
        attribute("""
            term: duration
            {words:2-15} years
            {int:14-60} months
            {e} [runs|remains in force|is valid] for {v}.
            The [initial |]term of {e} is {v}.
            {v} is the agreed [length|lifetime] of {e}.
            {e} runs for {v} and {e2} for {v2}.
            How long [is {e} valid|does {e} run]?
            What is the [agreed length|term] of {e}?
            For what period does {e} remain in force?
        """),
        attribute("""
            payment: duration
            {int:7-75} days
            {words:2-8} weeks
            Invoices under {e} fall due [within|after] {v}.
            {e} gives the buyer {v} to settle an invoice.
            Bills sent under {e} have to be paid in {v}.
            Invoices are due in {v} under {e} and in {v2} under {e2}.
            Within what time must invoices under {e} be paid?
            How long does {e} give the buyer to settle an invoice?
            When do bills sent under {e} fall due?
        """),
        attribute("""
            signed: date
            {date:2014-2024}
            {e} was [signed|concluded|executed] on {v}.
            The parties put their names to {e} on {v}.
            {v} is the date on the signature page of {e}.
            {e} was signed on {v}, {e2} on {v2}.
            When was {e} [signed|concluded|executed]?
            On what date did the parties put their names to {e}?
            What date is on the signature page of {e}?
        """),
        attribute("""
            expires: date
            {date:2025-2036}
            {e} [expires|ends|lapses] on {v}.
            Unless renewed, {e} comes to an end on {v}.
            The last day of {e} is {v}.
            {e} lapses on {v} and {e2} on {v2}.
            When does {e} [expire|end|lapse]?
            What is the last day of {e}?
            On what date does {e} come to an end unless renewed?
        """),
        attribute("""
            signatory: person
            {forename} {surname}
            {v} signed {e} for the [buyer|supplier].
            {e} bears the signature of {v}.
            On behalf of the board, {v} [approved|accepted] {e}.
            {v} signed {e}, and {v2} signed {e2}.
            Who signed {e}?
            Whose signature does {e} bear?
            Who approved {e} on behalf of the board?
        """),
        attribute("""
            courts: place
            {town}
            the county of {town}
            Disputes about {e} go to the courts of {v}.
            {e} names {v} as the place of jurisdiction.
            Any lawsuit over {e} must be brought in {v}.
            Disputes are heard in {v} for {e} and in {v2} for {e2}.
            Where must a lawsuit over {e} be brought?
            Which place of jurisdiction does {e} name?
            Where are disputes about {e} heard?
        """),
        attribute("""
            termination: clause
            if [two|three|four] [deliveries|payments|reports] in a row are [late|missing|incomplete]
            if [the supplier|the buyer|either side] [becomes insolvent|changes its owner|loses its licence]
            if the price of [steel|fuel|timber|wheat] [rises by more than a fifth|doubles|falls by a third]
            if [an inspector|a regulator|the insurer] [objects|finds a serious fault|withdraws approval]
            {e} [can|may] be cancelled at once {v}.
            Immediate termination of {e} is allowed {v}.
            The buyer may walk away from {e} {v}.
            {e} may be cancelled {v}, and {e2} {v2}.
            Under what condition [may|can] {e} be cancelled at once?
            When may the buyer walk away from {e}?
            In which case is immediate termination of {e} allowed?
        """),
    ),
)

LEASES = Topic(
    name="leases",
    entities=("{building} [House|House|Court|Wharf|Mill]",),
    pronouns=("it", "this property", "the property"),
    openings=(
        "The portfolio of {firm} Estates includes {all}.",
        "The terms for {all} were agreed in one round of talks.",
    ),
    fillers=(
        "The talks, chaired by {forename} {surname}, went on for {words:2-9} weeks in {town}.",
        "A surveyor charged {money:400-4000:50} for a report of {int:30-200} pages dated {date:2020-2024}.",
        "The managing agent has {int:12-95} staff and an office on {street} Road that opens at {clock:7-10}.",
        "Insurance for the whole portfolio was renewed on {date:2021-2024} at {money:20000-90000:500}.",
        "In {town}, the average lease lasts {words:4-16} years.",
    ),
    attributes=(
        attribute("""
            rent: money
            {money:800-19500:50}
            [The tenant|The occupier] pays {v} a month for {e}.
            {e} is let at {v} per month.
            Monthly rent for {e} stands at {v}.
            {e} is let at {v} a month and {e2} at {v2}.
            What is the [monthly rent|rent] for {e}?
            How much does the tenant pay a month for {e}?
            At what monthly price is {e} let?
        """),
        attribute("""
            deposit: money
            {money:2000-58000:500}
            A deposit of {v} was [lodged|paid|held back] for {e}.
            As security for {e}, the landlord holds {v}.
            {v} must be handed over before the keys to {e} are released.
            Deposits of {v} for {e} and {v2} for {e2} were lodged.
            How large is the deposit for {e}?
            What sum does the landlord hold as security for {e}?
            How much must be handed over before the keys to {e} are released?
        """),
        attribute("""
            area: number
            {int:90-980} square metres
            {int:1000-9900:50} square feet
            {e} [offers|covers|has] {v} of floor space.
            The floor area of {e} is {v}.
            Measured inside, {e} comes to {v}.
            {e} covers {v} and {e2} {v2}.
            How large is {e}?
            What is the floor area of {e}?
            How much floor space does {e} offer?
        """),
        attribute("""
            landlord: organization
            {firm} [Holdings|Estates|Property|Trust]
            the {surname} family
            {e} [belongs to|is owned by] {v}.
            {v} is the landlord of {e}.
            The freehold of {e} is in the hands of {v}.
            {e} belongs to {v}, {e2} to {v2}.
            Who [owns|is the landlord of] {e}?
            To whom does {e} belong?
            In whose hands is the freehold of {e}?
        """),
        attribute("""
            break_date: date
            {date:2025-2033}
            The tenant may break the lease of {e} on {v}.
            A break clause for {e} takes effect on {v}.
            {v} is the first day on which {e} can be given up early.
            The break dates are {v} for {e} and {v2} for {e2}.
            When may the tenant break the lease of {e}?
            On what date can {e} first be given up early?
            From when does the break clause for {e} take effect?
        """),
        attribute("""
            review: duration
            every {words:2-9} years
            every {int:14-40} months
            Rent for {e} is [reviewed|adjusted] {v}.
            {v}, the figures for {e} are looked at again.
            The rent of {e} goes to review {v}.
            Rents are reviewed {v} at {e} and {v2} at {e2}.
            How often is the rent of {e} [reviewed|adjusted]?
            At what interval are the figures for {e} looked at again?
            How frequently does the rent of {e} go to review?
        """),
        attribute("""
            use: phrase
            [storing|selling|repairing] [furniture|bicycles|garden tools|electronics]
            [light|small-scale] [baking|printing|woodworking] and [a shop|an office|a showroom]
            [teaching|physiotherapy|dance classes] on [weekdays|two floors|the ground floor]
            [cold|dry] storage of [medical supplies|frozen food|seeds]
            {e} may [only |]be used for {v}.
            The permitted use of {e} is {v}.
            Planning rules restrict {e} to {v}.
            {e} may be used for {v}, {e2} for {v2}.
            For what may {e} be used?
            What is the permitted use of {e}?
            To what do planning rules restrict {e}?
        """),
        attribute("""
            repairs: clause
            unless the [damage|fault|leak] was [reported late|caused by guests|there from the start]
            unless [frost|a storm|flooding] [broke the pipes|tore off the roof|reached the cellar]
            unless the [walls|windows|boilers] are [older than thirty years|listed|under guarantee]
            The tenant has to pay for repairs at {e} {v}.
            Upkeep of {e} falls to the occupier {v}.
            Occupiers must mend whatever breaks at {e} {v}.
            The tenant pays for repairs at {e} {v}, and at {e2} {v2}.
            In what case does the tenant not have to pay for repairs at {e}?
            What is the exception to the occupier's duty of upkeep at {e}?
            When is the tenant freed from mending what breaks at {e}?
        """),
        attribute("""
            guarantor: person
            {forename} {surname}
            {v} [stands as|acts as] guarantor for {e}.
            If the tenant of {e} fails to pay, {v} has to step in.
            The debts of {e} are guaranteed by {v}.
            {v} guarantees the lease of {e}, {v2} that of {e2}.
            Who is the guarantor for {e}?
            Who has to step in if the tenant of {e} fails to pay?
            By whom are the debts of {e} guaranteed?
        """),
    ),
)

CONTRACTS = Domain(
    name="contracts",
    description="Commercial agreements and leases: sums, terms, notice periods, dates, parties and conditions.",
    keywords=("contract", "agreement", "lease", "legal", "clause", "party", "tenant", "landlord", "termination", "law"),
    titles=(
        "{firm} [Group|Partners]: [schedule of contracts|contract summary|agreements and leases]",
        "[Contract register|Legal summary] of {firm}, {town}",
    ),
    pools={
        "party": pool("""
            Harwick Supply, Belmont Catering, Carrow Logistics, Dunstan Steel, Eversley Cleaning, Farley Software,
            Gilmore Freight, Hadley Packaging, Ingleby Energy, Jarrow Timber, Kendal Dairy, Lorton Security,
            Melrose Printing, Naseby Glass, Orford Haulage, Padstow Fishing, Quenby Textiles, Rothbury Paper,
            Selby Chemicals, Tarland Wool, Ullswater Bottling, Verwood Ceramics, Wentworth Roofing, Yelverton Seeds,
            Zennor Mining, Appleby Laundry, Bexley Furniture, Chilham Grain, Dalton Cable, Elmswell Pumps
        """),
        "building": pool("""
            Anchor, Bluebell, Cavendish, Dolphin, Elgin, Falcon, Granary, Hartley, Imperial, Jasmine, Kestrel,
            Lantern, Magnolia, Nelson, Orchid, Pelican, Quarry, Regent, Saffron, Tempest, Unicorn, Victoria,
            Wellington, Yeoman, Albion, Bridge, Chapel, Drake, Emerald, Forge
        """),
    },
    topics=(AGREEMENTS, LEASES),
)
