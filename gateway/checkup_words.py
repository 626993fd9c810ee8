"""What `agw check` finds, in Dutch and English: what it is, and the next step."""

from __future__ import annotations

from gateway.phrases import Phrase

STATES: dict[str, Phrase] = {
    "ok": {"en": "ok", "nl": "goed"},
    "warn": {"en": "warn", "nl": "let op"},
    "fail": {"en": "fail", "nl": "fout"},
}

SUBJECTS: dict[str, Phrase] = {
    "settings": {"en": "settings", "nl": "instellingen"},
    "data": {"en": "data folder", "nl": "datamap"},
    "gateway": {"en": "gateway", "nl": "gateway"},
    "disk": {"en": "disk", "nl": "schijf"},
    "clock": {"en": "clock", "nl": "klok"},
    "model": {"en": "model", "nl": "model"},
    "port": {"en": "port", "nl": "poort"},
    "broker": {"en": "broker", "nl": "broker"},
    "delivery": {"en": "delivery", "nl": "aflevering"},
    "calibration": {"en": "calibration", "nl": "kalibratie"},
}

FINDINGS: dict[str, Phrase] = {
    "as_said": {"en": "{text}", "nl": "{text}"},
    "settings_read": {
        "en": "{path}: {sensors} sensors, {ports} ports",
        "nl": "{path}: {sensors} sensoren, {ports} poorten",
    },
    "no_sensors": {
        "en": "no sensor is bound to a place, so none raises an alert. Add [[sensor]] with id and serial",
        "nl": "geen sensor is aan een plek gekoppeld, dus geen alarm. Voeg [[sensor]] toe met id en serial",
    },
    "no_ports": {
        "en": "the settings name no port. Add [[port]] with url",
        "nl": "de instellingen noemen geen poort. Voeg [[port]] toe met url",
    },
    "password_open": {
        "en": "{path} can be read by every user of this machine. chmod 600 {path}",
        "nl": "{path} is leesbaar voor elke gebruiker van deze machine. chmod 600 {path}",
    },
    "not_encrypted": {
        "en": "alerts and password travel unencrypted to {host}. Add [broker.tls]",
        "nl": "alarmen en wachtwoord gaan onversleuteld naar {host}. Voeg [broker.tls] toe",
    },
    "data_writable": {"en": "{path} can be written", "nl": "{path} is schrijfbaar"},
    "data_to_be_made": {
        "en": "{path} will be made at the first start",
        "nl": "{path} wordt bij de eerste start gemaakt",
    },
    "data_not_writable": {
        "en": "{path} cannot be written ({why}). Make it and give it to the gateway's user, "
        "or set [gateway] data_dir",
        "nl": "{path} is niet schrijfbaar ({why}). Maak de map en geef haar aan de gebruiker van de gateway, "
        "of stel [gateway] data_dir in",
    },
    "disk_free": {"en": "{free_mb:.0f} MB free for {path}", "nl": "{free_mb:.0f} MB vrij voor {path}"},
    "disk_low": {
        "en": "only {free_mb:.0f} MB free for {path}. Make room",
        "nl": "nog maar {free_mb:.0f} MB vrij voor {path}. Maak ruimte",
    },
    "clock_synced": {
        "en": "synchronised, at most {error_ms:.0f} ms off",
        "nl": "loopt gelijk, hoogstens {error_ms:.0f} ms ernaast",
    },
    "clock_unsynced": {
        "en": "not synchronised: {now}. Alerts will say so; switch on time synchronisation (timedatectl)",
        "nl": "loopt niet gelijk: {now}. Alarmen zeggen dat erbij; zet tijdsynchronisatie aan (timedatectl)",
    },
    "clock_wrong": {
        "en": "stands at {now}, before this release was made. Set the clock, or its alerts carry wrong times",
        "nl": "staat op {now}, voor deze versie gemaakt werd. Zet de klok, anders kloppen alarmtijden niet",
    },
    "model_loads": {
        "en": "{model} runs on {runtime}",
        "nl": "{model} draait op {runtime}",
    },
    "model_none": {
        "en": 'none by choice ([model] package = "none"): levels only',
        "nl": 'bewust geen ([model] package = "none"): alleen niveaus',
    },
    "model_refused": {
        "en": "{text} (until then: levels only)",
        "nl": "{text} (tot dan: alleen niveaus)",
    },
    "gateway_runs": {
        "en": "runs on this data folder (process {process})",
        "nl": "draait op deze datamap (proces {process})",
    },
    "port_opens": {"en": "{url} opens", "nl": "{url} gaat open"},
    "port_trouble": {"en": "{url}: {what}. {hint}", "nl": "{url}: {what}. {hint}"},
    "port_busy": {
        "en": "{url}: another program holds it. Fine if that is the running gateway",
        "nl": "{url}: een ander programma gebruikt hem. In orde als dat de draaiende gateway is",
    },
    "broker_connects": {"en": "{where} lets us in", "nl": "{where} laat ons toe"},
    "broker_silent": {
        "en": "{where} gave no answer. Check address, port and network",
        "nl": "{where} gaf geen antwoord. Controleer adres, poort en netwerk",
    },
    "receivers_named": {
        "en": "an alert is delivered when these have it: {names}",
        "nl": "een alarm is afgeleverd als deze het hebben: {names}",
    },
    "broker_confirms": {
        "en": "the broker's word is enough (confirm = \"puback\"), nobody confirms from the control room",
        "nl": "het woord van de broker volstaat (confirm = \"puback\"), de meldkamer bevestigt niets",
    },
    "calibrated": {
        "en": "{sensor}: {offset:+.2f} dB, {id}",
        "nl": "{sensor}: {offset:+.2f} dB, {id}",
    },
    "uncalibrated": {
        "en": "{sensor} is uncalibrated; its messages say so. agw calibrate --sensor {sensor} --who NAME",
        "nl": "{sensor} is niet gekalibreerd; dat staat in elk bericht. "
        "agw calibrate --sensor {sensor} --who NAAM",
    },
    "calibration_damaged": {
        "en": "line {number} of {path} is no record and is passed over. Keep the file and report it", "nl":
        "regel {number} van {path} is geen record en wordt overgeslagen. Bewaar het bestand en meld het",
    },
}
