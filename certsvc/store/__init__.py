"""Where everything rests: SQLAlchemy 2, one module per aggregate, SQLite by default and PostgreSQL at scale.

Rows are named `…Record`, so that `rules.enrolment.Attempt` (a value) and `AttemptRecord` (a row) are never confused.
Which transaction a row is written in is decided in `services`.
"""

from certsvc.store.account import AccountRecord, PasskeyRecord, RecoveryCodeRecord, StaffSessionRecord
from certsvc.store.api_key import ApiKeyRecord, ApiKeyUseRecord
from certsvc.store.approval import ApprovalRecord
from certsvc.store.audit import AuditEventRecord
from certsvc.store.base import Base
from certsvc.store.certificate import (
    ISSUED,
    RESERVED,
    CertificateRecord,
    IssueBatchRecord,
    PdfFileRecord,
    SerialRecord,
    StatusChangeRecord,
)
from certsvc.store.check import KeptCheckRecord
from certsvc.store.database import Database, open_database
from certsvc.store.delivery import ResultsDeliveryRecord, SeenNonceRecord, SendingSystemRecord
from certsvc.store.enrolment import AttemptRecord, EnrolmentRecord, ToDecideRecord
from certsvc.store.erasure import EarlierDocumentRecord, ErasureRecord
from certsvc.store.guard import ClockSeenRecord, KeyCheckRecord
from certsvc.store.holder import HolderCodeRecord, HolderSessionRecord, MessageRecord, kept_tables
from certsvc.store.home import EvidencePictureRecord, HomeApplicationRecord
from certsvc.store.log import LogHeadRecord, LogLeafRecord, LogNodeRecord, LogSessionRecord
from certsvc.store.notice import NoticeRecord
from certsvc.store.paper import PaperCertificateRecord, ReissueRequestRecord
from certsvc.store.person import PersonRecord
from certsvc.store.result_correction import ResultCorrectionRecord, WithdrawnResultRecord
from certsvc.store.review import ReviewStepRecord
from certsvc.store.scheme import SchemeRecord
from certsvc.store.share import ShareLinkRecord, ShareOpeningRecord
from certsvc.store.sitting import ScoreEntryRecord, SeatRecord, SittingRecord
from certsvc.store.traffic import LimitCountRecord, ScanCountRecord

__all__ = [
    "ISSUED",
    "RESERVED",
    "AccountRecord",
    "ApiKeyRecord",
    "ApiKeyUseRecord",
    "ApprovalRecord",
    "AttemptRecord",
    "AuditEventRecord",
    "Base",
    "CertificateRecord",
    "ClockSeenRecord",
    "Database",
    "EarlierDocumentRecord",
    "EnrolmentRecord",
    "ErasureRecord",
    "EvidencePictureRecord",
    "HolderCodeRecord",
    "HolderSessionRecord",
    "HomeApplicationRecord",
    "IssueBatchRecord",
    "KeptCheckRecord",
    "KeyCheckRecord",
    "LimitCountRecord",
    "LogHeadRecord",
    "LogLeafRecord",
    "LogNodeRecord",
    "LogSessionRecord",
    "MessageRecord",
    "NoticeRecord",
    "PaperCertificateRecord",
    "PasskeyRecord",
    "PdfFileRecord",
    "PersonRecord",
    "RecoveryCodeRecord",
    "ReissueRequestRecord",
    "ResultCorrectionRecord",
    "ResultsDeliveryRecord",
    "ReviewStepRecord",
    "ScanCountRecord",
    "SchemeRecord",
    "ScoreEntryRecord",
    "SeatRecord",
    "SeenNonceRecord",
    "SendingSystemRecord",
    "SerialRecord",
    "ShareLinkRecord",
    "ShareOpeningRecord",
    "SittingRecord",
    "StaffSessionRecord",
    "StatusChangeRecord",
    "ToDecideRecord",
    "WithdrawnResultRecord",
    "kept_tables",
    "open_database",
]
