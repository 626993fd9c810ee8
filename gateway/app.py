"""The running gateway: which threads there are, and how they are put together and taken apart.

| thread | owns |
|---|---|
| `port:<name>` | one line, its link; puts immutable events into the inbox |
| `pipeline` | station and desk: all DSP state, model, decisions, its own outbox connection |
| `telemetry` | the files of seconds that are kept |
| `publisher` | its own outbox connection, what is in flight |
| `paho` | the socket to the broker |

A thread that dies takes the process down, so that the service manager starts it anew: no half-alive gateway.
One that lives and makes no progress is found by its beats, which `supervision/` watches from the main thread.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType

from dsp.layout import LAYOUT_ID
from firmware_bridge.events import FeatureFrame, Gap, HealthReceived
from firmware_bridge.link import LinkCounters, SensorLink
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import DEFAULT_BAUD, PortWorker
from gateway.alerts import AlertFactory, clock_of
from gateway.announcements import GatewayIdentity, gateway_status
from gateway.broker_options import broker_options, neighbour_topics, publisher_rules
from gateway.calibration.applied import StoredCalibrations
from gateway.calibration.store import CalibrationStore
from gateway.clock import HostClock
from gateway.contract.encoding import encode
from gateway.contract.instants import utc_text
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert, Fault, Text
from gateway.contract.vocabulary import ClockState, Presence, Status
from gateway.coverage_book import CoverageBook
from gateway.delivery.broker_link import BACKUP, PRIMARY, BrokerOptions, Will
from gateway.delivery.outbox import Outbox
from gateway.delivery.publisher import Publisher
from gateway.desk import Desk
from gateway.errors import GatewayError
from gateway.inbox import Inbox
from gateway.incident_teller import PersonConfirms
from gateway.link_log import LinkLog
from gateway.model_setup import ModelSetup, choose_model
from gateway.places import bound_sensors
from gateway.settings.load import LoadedSettings
from gateway.settings.rules_in_force import rules_in_force
from gateway.settings.schema import PortSettings
from gateway.station import Station, StationEvent
from gateway.supervision.beats import Beats
from gateway.supervision.data_lock import DataLock
from gateway.supervision.shown_file import ShownFile
from gateway.supervision.shown_sensors import ShownSensors
from gateway.telemetry.recorder import TelemetryRecorder
from gateway.telemetry.setup import open_telemetry
from gateway.usual_book import UsualBook
from gateway.usual_file import UsualFile
from gateway.version import release

log = logging.getLogger(__name__)

OUTBOX_NAME = "outbox.db"
STARTED_WITHIN_S = 60.0
"""From a thread's start to its first round: files are read and put right."""
_WAIT_S = 0.25


class App:
    """start() it; `ended` is set when a thread died; stop() ends open events and says goodbye."""

    def __init__(self, loaded: LoadedSettings, clock: HostClock | None = None) -> None:
        self._loaded = loaded
        self._clock = clock or HostClock()
        values = loaded.values
        self._identity = GatewayIdentity(
            values.gateway.site, values.gateway.id, self._clock.boot_id(), release()
        )
        self._topics = TopicBuilder(values.gateway.site, values.gateway.id)
        self._factory = AlertFactory(
            values.gateway.site, values.gateway.id, self._identity.boot_id, Status(values.gateway.status)
        )
        self._inbox: Inbox[tuple[str, StationEvent]] = Inbox()
        self._counters: dict[str, LinkCounters] = {}
        self._stopping = threading.Event()
        self._pipeline = threading.Thread(target=self._run_pipeline, name="pipeline", daemon=True)
        self._publisher: Publisher | None = None
        self._ports: PortWatcher | None = None
        self._telemetry: TelemetryRecorder | None = None
        self._book: CoverageBook | None = None
        self._previous_hook: Callable[[threading.ExceptHookArgs], object] | None = None
        self._lock: DataLock | None = None
        self.beats = Beats()
        self.model: ModelSetup | None = None
        self.ended = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Raises GatewayError for what must be put right before anything can run (data folder, outbox)."""
        data_dir = self._loaded.data_dir
        _make_folder(data_dir)
        self._lock = DataLock.take(data_dir)
        self._outbox_path = data_dir / OUTBOX_NAME
        faults = self._check_outbox()
        self.model = choose_model(self._loaded.values.model.package, self._loaded.path.parent)
        if self.model.problem is not None:
            log.error("%s; level-only mode", self.model.problem)
            faults.append(self._model_fault(self.model.problem))
        usual_file = UsualFile(data_dir)
        self._usual = UsualBook((one.id for one in self._loaded.values.sensor), self._clock, usual_file)
        if usual_file.put_aside is not None:
            faults.append(usual_file.put_aside.fault(self._now()))
        self._faults = tuple(faults)
        self._previous_hook, threading.excepthook = threading.excepthook, self._thread_died
        self._publisher = Publisher(
            self._outbox_path,
            self._brokers(),
            self._topics,
            clock=self._clock,
            on_fatal=self._fatal,
            on_link=LinkLog().told,
            test_alerts=self._test_alerts,
            rules=publisher_rules(self._loaded.values),
            beat=self.beats.beat,
            inward=self,
        )
        for stage in ("pipeline", "telemetry", *self._publisher.stages):
            self.beats.expect(stage, STARTED_WITHIN_S)
        self._publisher.start()
        self._tell_status(Presence.ONLINE)
        # Before what takes its time: frames wait in the inbox, and a restart is deaf for less.
        ports = self._loaded.values.port
        self._ports = PortWatcher(
            [port.url for port in ports], self._worker, self._put, beat=self.beats.of("port-watch")
        )
        self._ports.start()
        self._telemetry, self._book = self._open_telemetry(self.model)
        self._telemetry.start()
        self._pipeline.start()
        log.info("gateway %s/%s runs", self._identity.site, self._identity.gateway)

    def stop(self) -> None:
        """What came is heard and open events end with the gateway as reason; then ports, then the goodbye."""
        self._stopping.set()
        if self._pipeline.is_alive():
            self._pipeline.join(10.0)
        if self._telemetry is not None:
            self._telemetry.stop()
        if self._ports is not None:
            self._ports.stop()
        if self._publisher is not None:
            self._tell_status(Presence.OFFLINE, "stopped")
            self._publisher.stop()
        if self._previous_hook is not None:
            threading.excepthook = self._previous_hook
        if self._lock is not None:
            self._lock.release()

    def _worker(self, url: str) -> PortWorker:
        baud = baud_of(url, self._loaded.values.port)
        link = SensorLink((LAYOUT_ID,), baud=baud)

        def sink(port: str, event: StationEvent) -> None:
            if isinstance(event, HealthReceived):
                # A snapshot, taken on the thread that owns the link.
                self._counters[port] = link.counters
            self._put(port, event)

        return PortWorker(url, link, sink, baud=baud, beat=self.beats.of(f"port:{url}"))

    def neighbour(self, alert: Alert) -> None:
        """An alert of another gateway of this site; without it an incident has a sensor less, no more."""
        self._put("", alert)

    def confirm(self, event_id: str) -> None:
        """A person confirmed the incident of this event."""
        self._put("", PersonConfirms(event_id))

    def _put(self, port: str, event: StationEvent) -> None:
        self._inbox.put((port, event), droppable=isinstance(event, FeatureFrame | Gap | Alert))

    def _run_pipeline(self) -> None:
        assert self._publisher is not None
        assert self.model is not None
        values = self._loaded.values
        shown_file = ShownFile(self._loaded.data_dir, self._topics.base)
        serial_of = {sensor.id: sensor.serial for sensor in values.sensor}
        shown = ShownSensors(serial_of, shown_file.read(), self._clock.monotonic_s())
        with Outbox.open(self._outbox_path, check=False) as outbox:
            desk = Desk(
                self._identity,
                outbox,
                self._publisher,
                self._factory,
                self._clock,
                self._counters.get,
                self._more_counters,
                self._faults,
                shown,
                shown_file,
            )
            orphans = desk.close_orphans()
            station = Station(
                bound_sensors(values.sensor),
                self.model,
                rules_in_force(values.decision, self.model.thresholds),
                self._factory,
                StoredCalibrations(CalibrationStore(self._loaded.data_dir), self._clock),
                desk,
                self._clock,
                self._book,
                self._usual,
            )
            station.incidents.recall(orphans)
            station.begin()
            while not self._stopping.is_set():
                self.beats.beat("pipeline")
                self._work(station, _WAIT_S)
                desk.tick(station, self._clock.monotonic_s())
            self._work(station, 0.0)
            station.stop()
            self._usual.keep(at_once=True)
            desk.tick(station, self._clock.monotonic_s())

    def _work(self, station: Station, wait_s: float) -> None:
        for port, event in self._inbox.take_all(wait_s):
            self.beats.beat("pipeline")
            station.take(port, event)

    def _more_counters(self) -> dict[str, int]:
        assert self._publisher is not None
        assert self._telemetry is not None
        return {
            "frames_dropped": self._inbox.dropped,
            **self._publisher.counters(),
            **self._telemetry.counters(),
        }

    def _open_telemetry(self, model: ModelSetup) -> tuple[TelemetryRecorder, CoverageBook]:
        values = self._loaded.values
        labels = () if model.classifier is None else model.classifier.package.labels
        sensors = [sensor.id for sensor in values.sensor]
        return open_telemetry(
            self._loaded.data_dir,
            values.storage,
            sensors,
            model.model_id,
            labels,
            self._clock,
            self.beats.of("telemetry"),
        )

    def _check_outbox(self) -> list[Fault]:
        with Outbox.open(self._outbox_path) as outbox:
            if outbox.set_aside is None:
                return []
            log.error("%s", outbox.set_aside)
            return [
                Fault(
                    code="outbox_damaged",
                    where=str(outbox.set_aside.kept_as),
                    since_utc=self._now(),
                    message=Text(
                        en=str(outbox.set_aside),
                        nl="De alarmopslag was beschadigd en is nieuw begonnen; bewaar het oude bestand",
                    ),
                )
            ]

    def _model_fault(self, problem: GatewayError) -> Fault:
        return Fault(
            code="model_refused",
            where=problem.where or "model",
            since_utc=self._now(),
            message=Text(
                en=f"{problem}. Sounds are not classified, only levels are measured",
                nl=f"Het model kan niet worden gebruikt ({problem.what}): alleen het niveau wordt gemeten",
            ),
        )

    def _brokers(self) -> list[BrokerOptions]:
        """The ways to the control room, in order of preference; each broker shows our last will."""
        gone = gateway_status(self._identity, Presence.OFFLINE, None, "connection_lost")
        values = self._loaded.values
        known = [(PRIMARY, values.broker), (BACKUP, values.backup_broker)]
        client_id = f"agw-{self._identity.site}-{self._identity.gateway}"
        return [
            replace(
                broker_options(self._loaded, client_id, broker),
                will=Will(self._topics.status, encode(gone)),
                listen_to=(self._topics.receipt, f"{self._topics.base}/request/+"),
                listen_also=neighbour_topics(values),
                path=path,
            )
            for path, broker in known
            if broker is not None
        ]

    def _test_alerts(self) -> tuple[Alert, Alert]:
        quality = self._clock.quality()
        clock = clock_of(ClockState(quality.state), quality.error_ms)
        name = f"test {self._identity.boot_id} {self._clock.monotonic_s()}"
        return self._factory.path_test(name, self._clock.utc().timestamp(), clock)

    def _tell_status(self, presence: Presence, reason: str | None = None) -> None:
        assert self._publisher is not None
        status = encode(gateway_status(self._identity, presence, self._clock.utc(), reason))
        self._publisher.put_state(self._topics.status, status)
        self._publisher.put_record(self._topics.record("status"), status)

    def _now(self) -> str:
        return utc_text(self._clock.utc().timestamp())

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        name = "?" if died.thread is None else died.thread.name
        self._fatal(name, died.exc_value or died.exc_type(), died.exc_traceback)

    def _fatal(self, thread: str, problem: BaseException, trace: TracebackType | None = None) -> None:
        log.critical(
            "thread %s died; the gateway ends itself",
            thread,
            exc_info=(type(problem), problem, trace or problem.__traceback__),
        )
        self.failure = problem
        self.ended.set()


def baud_of(url: str, ports: Sequence[PortSettings]) -> int:
    """The speed of the port's own entry, else of the first pattern that it matches."""
    outright = [port.baud for port in ports if port.url == url]
    by_pattern = [port.baud for port in ports if fnmatchcase(url, port.url)]
    return [*outright, *by_pattern, DEFAULT_BAUD][0]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GatewayError(
            f"the data folder cannot be made: {problem.strerror}",
            where=str(folder),
            hint="Set [gateway] data_dir to a folder that this user may write to",
        ) from problem


def follow_log_to_stderr(level: str) -> None:
    """One line per entry; the service manager's journal adds time and unit."""
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(levelname)s %(threadName)s %(name)s: %(message)s"
    )
