"""HTTP routes for recalls, cases, exports, holds, licences and audits."""
